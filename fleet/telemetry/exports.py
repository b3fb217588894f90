"""Rows for export files: readings, detections or hours of tags, streamed, or refused if there are too many."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core.csv_file import Cell
from fleet.core.errors import InvalidInput
from fleet.core.spoken import count_words
from fleet.stations.models import Station
from fleet.telemetry.cold.heard import heard_total
from fleet.telemetry.cold.reading import cold_total
from fleet.telemetry.heard.question import HOUR, HeardQuestion
from fleet.telemetry.heard.single import hours_counted
from fleet.telemetry.models import Detection, Reading, Series, TagHour
from fleet.telemetry.selectors import (
    LIMIT_MOST,
    DetectionCursor,
    detection_list,
    range_check,
    readings,
    suspicion_codes,
)

#: Most rows in one file: about what a spreadsheet opens.
ROWS_MOST = 1_000_000

READING_HEAD = ("at", "received_at", "series", "value", "unit", "sent_value", "sent_unit", "suspicions")
DETECTION_HEAD = (
    *("at", "received_at", "kind", "port", "tag", "freq_kHz", "sig_dB", "noise_dB", "snr_dB", "rssi_dBm"),
    *("is_used", "line", "suspicions", "node", "is_validated", "also"),
)
TAG_HOUR_HEAD = ("hour", "station", "tag", "port", "detections", "first_at", "last_at", "strongest_dBm")


def reading_rows(*, series: Series, start: datetime, end: datetime) -> Iterator[tuple[Cell, ...]]:
    """Readings from `start` up to `end`, oldest first. Raises `InvalidInput` right away if there are too many."""
    readings_check(series=[series], start=start, end=end)
    return _reading_rows(series, start, end)


def readings_check(*, series: Sequence[Series], start: datetime, end: datetime) -> None:
    """Raise `InvalidInput` if these series together have too many readings for one file."""
    range_check(start=start, end=end)
    ids = [one.pk for one in series]
    hot = Reading.objects.filter(series__in=ids, occurred_at__gte=start, occurred_at__lt=end)
    _most_check(hot.order_by()[: ROWS_MOST + 1].count() + cold_total(ids, start, end))


def detection_rows(
    *, station: Station, start: datetime, end: datetime, kind: int | None = None, port: int | None = None, tag: str = ""
) -> Iterator[tuple[Cell, ...]]:
    """Detections from `start` up to `end`, oldest first. Raises `InvalidInput` right away if there are too many."""
    range_check(start=start, end=end)
    if kind is not None or port is not None or tag:
        # The span may have any number of other detections, so count and read only hours with matches.
        hours = hours_counted(station=station, start=start, end=end, kind=kind, port=port, tag=tag)
        _most_check(sum(count for _hour, count in hours))
        return (
            row
            for hour, _count in hours
            for row in _detection_rows(station, max(hour, start), min(hour + HOUR, end), kind, port, tag)
        )
    hot = Detection.objects.filter(station=station, occurred_at__gte=start, occurred_at__lt=end)
    _most_check(hot.order_by()[: ROWS_MOST + 1].count() + heard_total([station.pk], start, end))
    return _detection_rows(station, start, end, kind, port, tag)


def tag_hour_rows(*, question: HeardQuestion, serials: Mapping[int, str]) -> Iterator[tuple[Cell, ...]]:
    """Each hour of each tag, by station and hour. Raises `InvalidInput` right away if there are too many.

    `serials` has the serial of every station of the question.
    """
    rows = TagHour.objects.filter(station__in=question.station_ids, hour__gte=question.start, hour__lt=question.end)
    if question.port is not None:
        rows = rows.filter(port=question.port)
    if question.tag:
        rows = rows.filter(tag__iexact=question.tag)
    _most_check(rows[: ROWS_MOST + 1].count())
    heard = sorted(rows.values_list("station", flat=True).distinct(), key=serials.__getitem__)
    return (
        row for station_id in heard for row in _hours_of_station(rows.filter(station=station_id), serials[station_id])
    )


def _most_check(count: int) -> None:
    if count > ROWS_MOST:
        raise InvalidInput(
            _("There are more than %(most)s rows in this period; choose a shorter one.")
            % {"most": count_words(ROWS_MOST)},
            field="from",
        )


def _reading_rows(series: Series, start: datetime, end: datetime) -> Iterator[tuple[Cell, ...]]:
    after: datetime | None = None
    while points := readings(series=series, start=start, end=end, after=after):
        for point in points:
            received = point.received_at.isoformat() if point.received_at else None
            words = " ".join(suspicion_codes(point.flags))
            sent = (point.sent_value, point.sent_unit)
            yield point.at.isoformat(), received, series.name, point.value, series.unit, *sent, words
        after = points[-1].at


def _detection_rows(
    station: Station, start: datetime, end: datetime, kind: int | None, port: int | None, tag: str
) -> Iterator[tuple[Cell, ...]]:
    after: DetectionCursor | None = None
    while found := detection_list(
        station=station, start=start, end=end, kind=kind, port=port, tag=tag, after=after, limit=LIMIT_MOST
    ):
        for one in found:
            yield (
                *(one.occurred_at.isoformat(), one.received_at.isoformat(), Detection.Kind(one.kind).name.lower()),
                *(one.port, one.tag, one.freq, one.sig, one.noise, one.snr, one.rssi, int(one.is_used), one.line),
                " ".join(suspicion_codes(one.flags)),
                *(one.node, None if one.is_validated is None else int(one.is_validated), _json_of(one.also)),
            )
        last = found[-1]
        after = DetectionCursor(last.occurred_at, last.port, last.kind, last.line)


def _json_of(also: dict[str, str] | None) -> str | None:
    return None if also is None else json.dumps(also, ensure_ascii=False)


def _hours_of_station(rows: QuerySet[TagHour], serial: str) -> Iterator[tuple[Cell, ...]]:
    ordered = rows.order_by("hour", "port", "tag")
    found = list(ordered[:LIMIT_MOST])
    while found:
        for one in found:
            yield (
                *(one.hour.isoformat(), serial, one.tag, one.port, one.count),
                *(one.first_at.isoformat(), one.last_at.isoformat(), one.strongest),
            )
        last = found[-1]
        found = list(ordered.filter(pk__gt=last.pk)[:LIMIT_MOST])
