"""The rank of a file's messages in the outbox."""

from typing import Any

from message_queue.contracts.detections import Detections
from message_queue.contracts.event import Event
from message_queue.contracts.gps import Gps
from station_agent.outbox import EVENT, PULSE, READING, TAG, Rank


def rank_of(body: Any) -> Rank:
    """The rank of a body made of lines."""
    if isinstance(body, Event):
        return EVENT
    if isinstance(body, Gps | list):
        return READING
    return PULSE if isinstance(body, Detections) and body.what == "pulse" else TAG
