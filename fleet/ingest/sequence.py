"""Which of two words of a station is the newer one: by when they were said, not by when they came.

1. In one stream of numbers the higher number is newer, whatever the station's clock said.
2. Of two streams the one that began later is newer: a station begins another when it lost the first.
3. A client without numbers has only its clock. Its later time is newer; a known time that lies ahead of ours, and a new
   one that cannot be right, hold nothing back: a clock that once said 2043 must not keep the station's word out for ever.
"""

from datetime import datetime
from typing import NamedTuple


class Place(NamedTuple):
    """Where a word stands: its stream (the ledger row's id, which grows), its number there, its time in seconds."""

    stream: int | None
    seq: int | None
    at: float
    #: The time is none that we believe.
    is_doubtful: bool = False


def is_newer(word: Place, known: Place | None, future: float) -> bool:
    """Whether a word is as new as the one that is known, or newer. `future` is the time from which ours is passed."""
    if known is None:
        return True
    if word.stream is not None and known.stream is not None:
        return (word.stream, word.seq or 0) >= (known.stream, known.seq or 0)
    return word.at >= known.at or known.at > future or word.is_doubtful


def newer_sql(column: str) -> str:
    """The same as a condition on a contact row `c`; its parameters are those of `newer_values`."""
    return (
        f"(c.{column}_at IS NULL OR CASE WHEN c.{column}_stream IS NOT NULL AND %s::bigint IS NOT NULL "
        f"THEN (c.{column}_stream, c.{column}_seq) <= (%s::bigint, %s::bigint) "
        f"ELSE c.{column}_at <= %s OR c.{column}_at > %s OR %s END)"
    )


def newer_values(place: Place, at: datetime, future: datetime) -> list[object]:
    """What `newer_sql` asks for. `at` is the place's time as a moment that can be stored."""
    return [place.stream, place.stream, place.seq, at, future, place.is_doubtful]
