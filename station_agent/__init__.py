"""The station agent: the program that runs on a station.

It imports formats and message_queue and no other package of Roost.
"""

# Before any module imports msgspec: message_queue replaces it where it is missing.
import message_queue as _message_queue  # noqa: F401

__version__ = "0.1.0"
