"""Detections of the feed and of back-fills, read from their table and from cold storage in the order of their keys.

A detection has no number of its own: station, moment, port, kind and line identify it. The cursor of a lane is such a
key, kept as JSON.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from fleet.forward.feed import FeedChunk, moment_of_hour, slices
from fleet.forward.models import Forwarder
from fleet.telemetry.cold.conditions import Narrowed
from fleet.telemetry.cold.heard import heard_plan, moments_plan
from fleet.telemetry.cold.reading import ColdPlan, rows_read
from fleet.telemetry.models import Detection

_COLUMNS: Final = (
    "d.station_id, d.occurred_at, d.port, d.kind, d.line, d.received_at, d.tag, d.freq, d.sig, d.noise, d.snr, d.rssi, "
    "d.node, d.is_validated, d.is_used, d.flags"
)
_KEY: Final = "(d.station_id, d.occurred_at, d.port, d.kind, d.line)"
_ROWS: Final = f"""
SELECT {_COLUMNS} FROM unnest(%(stations)s::bigint[], %(hours)s::int[]) AS p(station_id, hour)
CROSS JOIN LATERAL (
    SELECT * FROM {{rows}} d WHERE d.station_id = p.station_id
    AND d.occurred_at >= timestamptz '2000-01-01 00:00:00+00' + p.hour * interval '1 hour'
    AND d.occurred_at < timestamptz '2000-01-01 00:00:00+00' + (p.hour + 1) * interval '1 hour'
    AND {_KEY} > (%(station)s, %(at)s::timestamptz, %(port)s, %(kind)s, %(line)s)
    AND d.received_at = ANY(%(moments)s::timestamptz[]) AND d.kind = ANY(%(kinds)s)
    ORDER BY d.occurred_at, d.port, d.kind, d.line LIMIT %(most)s
) d ORDER BY 1, 2, 3, 4, 5 LIMIT %(most)s
"""  # noqa: S608 - our own names
_AFTER: Final = f"""
SELECT {_COLUMNS} FROM {{rows}} d WHERE d.station_id = %(station)s
AND d.occurred_at >= %(start)s AND d.occurred_at < %(end)s
AND {_KEY} > (%(station)s, %(at)s::timestamptz, %(port)s, %(kind)s, %(line)s) AND d.kind = ANY(%(kinds)s)
ORDER BY d.occurred_at, d.port, d.kind, d.line LIMIT %(most)s
"""  # noqa: S608 - our own names
_WITH_KEYS: Final = f"""
SELECT {_COLUMNS} FROM {{rows}} d
JOIN unnest(%s::bigint[], %s::timestamptz[], %s::int[], %s::int[], %s::int[]) AS k(station_id, at, port, kind, line)
ON d.station_id = k.station_id AND d.occurred_at = k.at AND d.port = k.port AND d.kind = k.kind AND d.line = k.line
"""  # noqa: S608 - our own names
_LOWEST: Final = -(2**15)


class HeardKey(NamedTuple):
    """The key of a detection; as a cursor, everything up to it is done."""

    station_id: int
    occurred_at: datetime
    port: int
    kind: int
    line: int

    def stored(self) -> list[Any]:
        """As JSON."""
        return [self.station_id, self.occurred_at.isoformat(), *self[2:]]

    @classmethod
    def of(cls, stored: Sequence[Any]) -> "HeardKey":
        """From JSON."""
        station_id, at, port, kind, line = stored
        return cls(station_id, datetime.fromisoformat(at), port, kind, line)

    @classmethod
    def before(cls, station_id: int) -> "HeardKey":
        """A place before all detections of a station."""
        return cls(station_id, datetime(1, 1, 1, tzinfo=UTC), _LOWEST, _LOWEST, -1)


class StoredDetection(NamedTuple):
    """A detection as it is stored."""

    station_id: int
    occurred_at: datetime
    port: int
    kind: int
    line: int
    received_at: datetime
    tag: str | None
    freq: float | None
    sig: float | None
    noise: float | None
    snr: float | None
    rssi: float | None
    node: str | None
    is_validated: bool | None
    is_used: bool
    flags: int

    @property
    def key(self) -> HeardKey:
        """Its key."""
        return HeardKey(*self[:5])


def kinds_wanted(forwarder: Forwarder) -> list[int]:
    """The kinds of detections that a forwarder reads. Others are not read: pulses are a thousand times as frequent."""
    if forwarder.detections == Forwarder.Detections.ALL:
        return [kind.value for kind in Detection.Kind]
    return [Detection.Kind.TAG.value] if forwarder.detections == Forwarder.Detections.TAGS else []


def chunk_heard(chunk: FeedChunk, *, kinds: Sequence[int], after: HeardKey, most: int) -> list[StoredDetection]:
    """At most `most` detections of a chunk after this key, in the order of their keys. Raises `Unavailable`."""
    found: list[StoredDetection] = []
    hours = [one for one in chunk.heard if one[0] >= after.station_id]
    for some in slices(hours, is_old=True):
        told = {"stations": [one[0] for one in some], "hours": [one[1] for one in some], "moments": list(chunk.moments)}
        told |= {**_place(after), "kinds": list(kinds), "most": most - len(found)}
        found += _asked(_ROWS, told, _plan_of(some, Narrowed(kinds=tuple(kinds), received=tuple(chunk.moments))))
        if len(found) >= most:
            break
    return found


def heard_after(
    *, after: HeardKey, start: datetime, end: datetime, kinds: Sequence[int], most: int
) -> list[StoredDetection]:
    """Detections of the key's station after the key and between two moments of its clock. Raises `Unavailable`."""
    narrowed = Narrowed(kinds=tuple(kinds), beyond=after[1:])
    return _asked(
        _AFTER,
        {**_place(after), "start": start, "end": end, "kinds": list(kinds), "most": most},
        lambda: heard_plan([after.station_id], [(max(start, after.occurred_at), end)], narrowed),
        most=most,
    )


def heard_at(keys: Collection[HeardKey]) -> dict[HeardKey, StoredDetection]:
    """The detections with these keys, as far as they are still there. Raises `Unavailable`."""
    if not keys:
        return {}
    stations, moments = sorted({key.station_id for key in keys}), {key.occurred_at for key in keys}
    found = _asked(
        _WITH_KEYS,
        [[key[part] for key in keys] for part in range(5)],
        lambda: moments_plan(stations, min(moments), max(moments), lambda: moments),
    )
    return {row.key: row for row in found}


def _plan_of(hours: Sequence[tuple[int, int]], narrowed: Narrowed) -> Callable[[], ColdPlan]:
    starts = sorted({moment_of_hour(hour) for _station, hour in hours})
    spans = [(start, start + timedelta(hours=1)) for start in starts]
    return lambda: heard_plan(sorted({station for station, _hour in hours}), spans, narrowed)


def _place(after: HeardKey) -> dict[str, Any]:
    names = ("station", "at", "port", "kind", "line")
    return dict(zip(names, after, strict=True))


def _asked(query: str, told: Any, plan: Callable[[], ColdPlan], *, most: int | None = None) -> list[StoredDetection]:
    def ask(rows: str) -> list[StoredDetection]:
        with connection.cursor() as cursor:
            cursor.execute(query.replace("{rows}", rows), told)
            return [StoredDetection(*row) for row in cursor.fetchall()]

    return rows_read(plan, ask, most=most)
