"""The station agent: what runs on a station.

It imports message_queue and nothing else of ours.
"""

__version__ = "0.1.0"
