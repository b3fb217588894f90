"""Rows for export files: readings or detections of a time span, streamed, or refused if there are too many."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from fleet.core.csv_file import Cell
from fleet.core.errors import InvalidInput
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Reading, Series
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
    *("is_used", "line", "suspicions"),
)


def reading_rows(*, series: Series, start: datetime, end: datetime) -> Iterator[tuple[Cell, ...]]:
    """Readings from `start` up to `end`, oldest first. Raises `InvalidInput` right away if there are too many."""
    range_check(start=start, end=end)
    _count_check(Reading.objects.filter(series=series, occurred_at__gte=start, occurred_at__lt=end))
    return _reading_rows(series, start, end)


def detection_rows(
    *, station: Station, start: datetime, end: datetime, kind: int | None = None, port: int | None = None, tag: str = ""
) -> Iterator[tuple[Cell, ...]]:
    """Detections from `start` up to `end`, oldest first. Raises `InvalidInput` right away if there are too many."""
    range_check(start=start, end=end)
    _count_check(Detection.objects.filter(station=station, occurred_at__gte=start, occurred_at__lt=end))
    return _detection_rows(station, start, end, kind, port, tag)


def _count_check(rows: QuerySet[Model]) -> None:
    if rows.order_by()[: ROWS_MOST + 1].count() > ROWS_MOST:
        raise InvalidInput(
            _("There are more than %(most)s rows in this period; choose a shorter one.") % {"most": f"{ROWS_MOST:,}"},
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
            )
        last = found[-1]
        after = DetectionCursor(last.occurred_at, last.port, last.kind, last.line)
