"""The station agent: the program that runs on a station.

Of Roost's packages it imports only formats and message_queue.
"""

# This must come before any import of msgspec: message_queue replaces it where it is missing.
import message_queue as _message_queue  # noqa: F401

__version__ = "0.1.0"
