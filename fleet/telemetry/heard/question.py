"""A question about tags: which stations, which hours, and if given one port or one tag; and the parts of that time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

#: No tag was heard before this year: older hours are of clocks that were not set.
PAST = datetime(2010, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HeardQuestion:
    """Hours that begin from `start` up to `end`, at these stations; `tag` in upper or lower case."""

    station_ids: Sequence[int]
    start: datetime
    end: datetime
    port: int | None = None
    tag: str = ""

    @property
    def where(self) -> str:
        """SQL condition for rows of `telemetry_taghour`."""
        port = " AND port = %(port)s" if self.port is not None else ""
        tag = " AND upper(tag) = upper(%(tag)s)" if self.tag else ""
        return f"station_id = ANY(%(stations)s::bigint[]) AND hour >= %(start)s AND hour < %(end)s{port}{tag}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The values in `where`."""
        return {
            "stations": list(self.station_ids),
            "start": self.start,
            "end": self.end,
            "port": self.port,
            "tag": self.tag,
        }


@dataclass(frozen=True, slots=True)
class Parts:
    """A time cut into parts of whole hours: `count` parts of the length `step` from `start` on."""

    start: datetime
    step: timedelta
    count: int

    @property
    def end(self) -> datetime:
        """The end of the last part."""
        return self.start + self.step * self.count

    def place(self, moment: datetime) -> int:
        """The number of the part that contains a moment, from 0; it may be outside."""
        return (moment - self.start) // self.step

    def starts(self) -> list[datetime]:
        """The moments at which the parts begin."""
        return [self.start + self.step * number for number in range(self.count)]


def parts_of(start: datetime, end: datetime, *, most: int = 170) -> Parts:
    """Parts of a time, at most `most`: each an hour long if that is enough, otherwise as short as possible."""
    start = hour_of(start)
    hours = max(-(-(end - start) // HOUR), 1)
    length = next((n for n in (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 720) if hours <= n * most), -(-hours // most))
    return Parts(start, HOUR * length, -(-hours // length))


def hour_of(moment: datetime) -> datetime:
    """The start of the hour (UTC) that contains a moment."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
