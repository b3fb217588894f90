"""Order of a station's reports: the newer of two is the one that was made later, not the one that arrived later.

1. In one stream the higher number is newer, whatever the station's clock said.
2. Of two streams the one that began later is newer: a station begins another when it lost the first.
3. A client without numbers has only its clock, so the later time is newer. A known time ahead of ours, and a new one
   that cannot be right, block nothing: a clock that once said 2043 must not shut out later reports forever.
"""

from datetime import datetime
from typing import NamedTuple


class StreamPlace(NamedTuple):
    """Position of a report: its stream (the ledger row's id, which grows), its number there, its time in seconds."""

    stream: int | None
    seq: int | None
    at: float
    #: The time is not believable.
    is_doubtful: bool = False


def is_newer(word: StreamPlace, known: StreamPlace | None, future: float) -> bool:
    """Whether a report is at least as new as the known one. `future`: times after this are ahead of ours."""
    if known is None:
        return True
    if word.stream is not None and known.stream is not None:
        return (word.stream, word.seq or 0) >= (known.stream, known.seq or 0)
    return word.at >= known.at or known.at > future or word.is_doubtful


def newer_sql(column: str) -> str:
    """The same comparison as SQL on a contact row `c`; its parameters come from `newer_values`."""
    return (
        f"(c.{column}_at IS NULL OR CASE WHEN c.{column}_stream IS NOT NULL AND %s::bigint IS NOT NULL "
        f"THEN (c.{column}_stream, c.{column}_seq) <= (%s::bigint, %s::bigint) "
        f"ELSE c.{column}_at <= %s OR c.{column}_at > %s OR %s END)"
    )


def newer_values(place: StreamPlace, at: datetime, future: datetime) -> list[object]:
    """Parameters for `newer_sql`. `at` is the place's time as a datetime that can be stored."""
    return [place.stream, place.stream, place.seq, at, future, place.is_doubtful]
