"""Queries for recorded data: series and their readings, detections, positions and events."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Least
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, NotFound
from fleet.stations.models import Station
from fleet.telemetry.binned import buckets
from fleet.telemetry.cold.conditions import Narrowed
from fleet.telemetry.cold.heard import heard_plan
from fleet.telemetry.cold.reading import cold_plan, rows_read
from fleet.telemetry.cold.tables import DETECTIONS
from fleet.telemetry.lateness import is_late
from fleet.telemetry.ledger import Gap, LedgerSummary, Missing, StreamSummary, ledger_summary
from fleet.telemetry.models import Detection, DetectionCount, Position, Series, StationEvent, Suspicion
from message_queue.contracts.bursts import BURST_EVENT

__all__ = [
    "DetectionCursor",
    "Gap",
    "LedgerSummary",
    "Missing",
    "Point",
    "StreamSummary",
    "detection_list",
    "detection_total",
    "detections_in",
    "event_list",
    "latest_position",
    "ledger_summary",
    "range_check",
    "readings",
    "series_chosen",
    "series_get",
    "series_list",
    "suspicion_codes",
    "suspicion_words",
]

#: Names of series with hourly counts of a port's pulses.
_COUNTED = r"^port\d+/"
#: Most points or rows in one answer.
LIMIT_MOST = 5_000
_EVERY_LEAST = timedelta(seconds=1)
_SINGLE = """
SELECT r.occurred_at, r.value, r.flags, r.received_at, r.sent_value, r.sent_unit FROM {rows} r
WHERE r.series_id = %(series)s AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s
ORDER BY r.occurred_at LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One reading, or the readings of one bucket: mean, least, greatest, count, and all their flags.

    A bucket counts values outside the limits of their quantity, but leaves them out of its figures unless there are no
    others. `at` is the reading's moment by the station's clock, or the bucket's start.
    """

    at: datetime
    value: float
    minimum: float
    maximum: float
    count: int
    flags: int
    #: Number of its readings with any flag.
    doubted: int = 0
    #: By our clock; None for a bucket.
    received_at: datetime | None = None
    #: As sent, if it was converted to the unit of its series.
    sent_value: float | None = None
    sent_unit: str | None = None

    @property
    def is_late(self) -> bool:
        """Whether it arrived much later than it was recorded; always False for a bucket."""
        return is_late(occurred_at=self.at, received_at=self.received_at, flags=self.flags)


@dataclass(frozen=True, slots=True)
class DetectionCursor:
    """Position of one detection in its station's order: the next page begins after it."""

    occurred_at: datetime
    port: int
    kind: int
    line: int


def series_list(*, station: Station) -> QuerySet[Series]:
    """The station's series with their newest values, and what rules keep away of them, by name."""
    return Series.objects.filter(station=station).select_related("tally").order_by("name", "id")


def series_chosen(
    *, station: Station, names: Collection[str], since: datetime, end: datetime, others: int
) -> list[Series]:
    """Series of these names, then up to `others` that are no health figures; their newest value is in the period."""
    named = Q(name__in=names)
    lately = Series.objects.filter(station=station, last_at__gte=since, last_at__lt=end).annotate(is_named=named)
    lately = lately.filter(named | ~(Q(name__startswith="health/") | Q(name__regex=_COUNTED)))
    return list(lately.order_by("-is_named", "name", "id")[: len(names) + others])


def series_get(*, station: Station, name: str) -> Series:
    """The series of a station called `name` or `name[unit]`, the oldest if there are several. Raises `NotFound`."""
    plain, _mark, unit = name.partition("[")
    named = Series.objects.filter(station=station, name=plain).order_by("id")
    if unit:
        named = named.filter(unit=unit.removesuffix("]"))
    found = named.first() if "\x00" not in name else None
    if found is None:
        raise NotFound(_("Station %(serial)s has no series %(name)s.") % {"serial": station.serial, "name": name[:80]})
    return found


def readings(
    *,
    series: Series,
    start: datetime,
    end: datetime,
    every: timedelta | None = None,
    limit: int = LIMIT_MOST,
    after: datetime | None = None,
) -> list[Point]:
    """Points from `start` up to but excluding `end`, oldest first.

    Without `every`, each reading is a point; at most `limit` are returned, only those later than `after` if it is
    given. Pass the last point's moment as `after` to get more. With `every`, each bucket that has readings is a point;
    more than `limit` buckets are refused with `InvalidInput`.
    """
    range_check(start=start, end=end)
    if every is not None:
        return _readings_binned(series, start, end, every, limit)
    first = start if after is None else max(start, after + timedelta(microseconds=1))
    arguments: dict[str, int | datetime] = {"series": series.pk, "start": first, "end": end, "limit": limit}

    def ask(rows: str) -> list[Point]:
        with connection.cursor() as cursor:
            cursor.execute(_SINGLE.format(rows=rows), arguments)
            return [
                Point(at, value, value, value, 1, flags, int(flags != 0), *rest)
                for at, value, flags, *rest in cursor.fetchall()
            ]

    return rows_read(lambda: cold_plan([series.pk], [(first, end)]), ask, most=limit)


def _readings_binned(series: Series, start: datetime, end: datetime, every: timedelta, limit: int) -> list[Point]:
    if every < _EVERY_LEAST:
        raise InvalidInput(_("`every` must be at least one second."), field="every")
    if (end - start) / every > limit:
        least = (end - start).total_seconds() / limit
        raise InvalidInput(
            _("That would be more than %(limit)d points; make `every` at least %(least)d seconds.")
            % {"limit": limit, "least": int(least) + 1},
            field="every",
        )
    return [Point(*bucket) for bucket in buckets(series=series, start=start, end=end, every=every)]


def detection_total(*, station: Station) -> int:
    """Number of the station's detections, from the roll-up."""
    return DetectionCount.objects.filter(station=station).aggregate(total=Sum("count"))["total"] or 0


def detection_list(
    *,
    station: Station,
    start: datetime,
    end: datetime,
    kind: int | None = None,
    port: int | None = None,
    tag: str = "",
    after: DetectionCursor | None = None,
    limit: int = 100,
    newest_first: bool = False,
) -> list[Detection]:
    """At most `limit` detections from `start` up to `end`; if a cursor is given, those after it."""
    range_check(start=start, end=end)
    return detections_in(
        station=station,
        spans=[(start, end)],
        kind=kind,
        port=port,
        tag=tag,
        after=after,
        limit=limit,
        newest_first=newest_first,
    )


def detections_in(
    *,
    station: Station,
    spans: Sequence[tuple[datetime, datetime]],
    kind: int | None,
    port: int | None,
    tag: str,
    after: DetectionCursor | None,
    limit: int,
    newest_first: bool,
) -> list[Detection]:
    """Like `detection_list`, in several spans of time. Raises `Unavailable` if cold detections cannot be read."""
    if after is not None:
        # Skip spans that the cursor has passed, but not its own moment, which may have more rows.
        spans = [
            (start, min(end, after.occurred_at + datetime.resolution))
            if newest_first
            else (max(start, after.occurred_at), end)
            for start, end in spans
        ]
    within = " OR ".join("(r.occurred_at >= %s AND r.occurred_at < %s)" for _span in spans)
    terms = [f"r.station_id = %s AND ({within})"]
    told: list[Any] = [station.pk, *(moment for span in spans for moment in span)]
    for term, value in (("r.kind = %s", kind), ("r.port = %s", port), ("upper(r.tag) = upper(%s)", tag or None)):
        if value is not None:
            terms.append(term)
            told.append(value)
    if after is not None:
        terms.append(
            f"({', '.join(f'r.{name}' for name in DETECTIONS.key)}) {'<' if newest_first else '>'} (%s, %s, %s, %s, %s)"
        )
        told += [station.pk, after.occurred_at, after.port, after.kind, after.line]
    order = ", ".join(f"r.{name}{' DESC' if newest_first else ''}" for name in DETECTIONS.key[1:])
    narrowed = Narrowed(
        kinds=() if kind is None else (kind,),
        port=port,
        tag=tag,
        beyond=None if after is None else (after.occurred_at, after.port, after.kind, after.line),
        is_newest_first=newest_first,
    )

    def ask(rows: str) -> list[Detection]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {DETECTIONS.listed} FROM {rows} r WHERE {' AND '.join(terms)} ORDER BY {order} LIMIT %s",  # noqa: S608 - our own names
                [*told, limit],
            )
            return [_detection_of(dict(zip(DETECTIONS.names, row, strict=True))) for row in cursor.fetchall()]

    return rows_read(lambda: heard_plan([station.pk], spans, narrowed), ask, most=limit)


def _detection_of(row: dict[str, Any]) -> Detection:
    also = row.pop("also")
    return Detection(**row, also=None if also is None else json.loads(also))


def event_list(
    *,
    station: Station,
    start: datetime | None = None,
    end: datetime | None = None,
    name: str = "",
    names: Collection[str] = (),
    without: Collection[str] = (),
) -> QuerySet[StationEvent]:
    """The station's events from `start` (inclusive) to `end` (exclusive), newest first.

    `name` or `names`: only events called so. Without either, all but those in `without`, and no bursts that the station
    decoded itself, because these would hide the rest.

    `place` and `placed_at` of an event are its time by the station's clock, or its time of receipt if that is earlier.
    Otherwise events from a clock that once ran ahead would head the list for years.
    """
    rows: QuerySet[StationEvent] = StationEvent.objects.filter(station=station)
    rows = rows.annotate(place=Least("occurred_at", "received_at"))
    if start is not None:
        rows = rows.filter(place__gte=start)
    if end is not None:
        rows = rows.filter(place__lt=end)
    asked = names or [name] if name or names else ()
    rows = rows.filter(name__in=asked) if asked else rows.exclude(name__in=[BURST_EVENT, *without])
    return rows.order_by("-place", "-name", "-line")


def latest_position(*, station: Station) -> Position | None:
    """The newest fix with coordinates and a believable time."""
    return (
        Position.objects.filter(station=station, latitude__isnull=False, longitude__isnull=False)
        .annotate(unbelievable=F("flags").bitand(Suspicion.EPOCH | Suspicion.FUTURE | Suspicion.DAMAGED_FILE))
        .filter(unbelievable=0)
        .order_by("-occurred_at")
        .first()
    )


def suspicion_words(flags: int) -> list[str]:
    """Reasons for doubting a row, in words; empty if there are none."""
    return [str(reason.label) for reason in Suspicion if flags & reason.value]


def suspicion_codes(flags: int) -> list[str]:
    """Reasons for doubting a row, one word each for programs: epoch, future, outside and the like."""
    return [reason.name.lower() for reason in Suspicion if flags & reason.value]


def range_check(*, start: datetime, end: datetime) -> None:
    """Raise `InvalidInput` if a range does not end after it begins."""
    if end <= start:
        raise InvalidInput(_("`to` must be later than `from`."), field="to")
