"""One message for silences with one cause: stations behind a silent gateway, or in a shared failure.

Also the cap on the messages of a storm. The steps run in the transaction of the sweep that opens and closes incidents,
so a crash leaves either all of them or none.
"""
