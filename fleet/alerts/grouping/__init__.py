"""Incidents of silence that have one cause are one message: behind a silent gateway, or in a shared failure.

Also the cap on the messages of a storm. The steps run in the transaction of the sweep that opens and closes incidents,
so that whatever dies leaves either all of them or none.
"""
