"""The station agent: what runs on a station.

It imports message_queue and nothing else of ours.
"""

# Before anything of ours imports msgspec: the wire stands in for it where it is missing.
import message_queue as _message_queue  # noqa: F401

__version__ = "0.1.0"
