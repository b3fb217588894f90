"""The figures of a plot as tables: one row per series, and one per moment with every line beside the others."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import gettext as _

from fleet.core.csv_file import Cell
from fleet.core.spoken import duration_words
from fleet.telemetry.models import Suspicion
from fleet.telemetry.selectors import Point
from sg_status.plots.readings import Trace, Traces
from sg_status.window import Window
from sg_status.words import lateness_words, quantity_words, suspicion_words

#: Columns of the file of the drawn figures.
DRAWN_HEAD = ("at", "station", "series", "unit", "mean", "lowest", "highest", "readings")


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One line in the legend."""

    trace: Trace
    place: int
    first: datetime | None
    last: Point | None
    low: float | None
    mean: float | None
    high: float | None
    readings: int
    doubted: int
    missing_s: float

    @property
    def unit(self) -> str:
        """The unit as people write it."""
        return self.trace.line.unit

    @property
    def heading(self) -> str:
        """The head of its column."""
        return f"{self.trace.line.label}, {self.unit}" if self.unit else self.trace.line.label


class Value(NamedTuple):
    """One line's value at a moment."""

    point: Point
    is_rolled: bool


@dataclass(frozen=True, slots=True)
class MomentRow:
    """One moment with the value of each line, or (with `until`) a gap in all of them."""

    at: datetime
    until: datetime | None = None
    values: Sequence[Value | None] = ()
    remarks: str = ""
    is_doubted: bool = False
    is_late: bool = False

    @property
    def gap_words(self) -> str:
        """The length of the gap."""
        return duration_words((self.until - self.at).total_seconds()) if self.until else ""


def series_rows(traces: Traces, window: Window, now: datetime) -> list[SeriesRow]:
    """The legend."""
    return [_series_row(trace, place, window, now) for place, trace in enumerate(traces.traces)]


def _series_row(trace: Trace, place: int, window: Window, now: datetime) -> SeriesRow:
    points, line = trace.points, trace.line
    believed = [point for point in points if not point.flags & Suspicion.OUTSIDE] or points
    count = sum(point.count for point in believed)
    start = max(window.start, min(trace.chosen.series.created_at, points[0].at) if points else window.start)
    gaps = line.gaps(start, min(window.end, now)) if points else []
    return SeriesRow(
        trace=trace,
        place=place,
        first=points[0].at if points else None,
        last=points[-1] if points else None,
        low=min((point.minimum for point in believed), default=None),
        mean=sum(point.value * (point.count / count) for point in believed) if count else None,
        high=max((point.maximum for point in believed), default=None),
        readings=sum(point.count for point in points),
        doubted=sum(point.doubted for point in points if point.flags & ~Suspicion.SHIFTED),
        missing_s=sum((after - before for before, after in gaps), timedelta()).total_seconds(),
    )


def moment_rows(traces: Traces) -> list[MomentRow]:
    """The table, newest first, with a row for each pause that all lines share."""
    is_rolled = traces.width is not None
    by_moment: dict[datetime, list[Value | None]] = defaultdict(lambda: [None] * len(traces.traces))
    for place, trace in enumerate(traces.traces):
        for point in trace.points:
            by_moment[point.at][place] = Value(point, is_rolled)
    gap_from = max((line.gap_from for line in traces.lines), default=timedelta.max)
    rows: list[MomentRow] = []
    for at in sorted(by_moment):
        if rows and at - rows[-1].at > gap_from:
            rows.append(MomentRow(rows[-1].at, until=at))
        rows.append(_moment_row(at, by_moment[at]))
    return rows[::-1]


def _moment_row(at: datetime, values: Sequence[Value | None]) -> MomentRow:
    points = [value.point for value in values if value is not None]
    remarks = dict.fromkeys(remark for point in points for remark in _remarks(point) if remark)
    return MomentRow(
        at=at,
        values=values,
        remarks=", ".join(remarks),
        is_doubted=any(point.flags & ~Suspicion.SHIFTED for point in points),
        is_late=any(point.is_late for point in points),
    )


def _remarks(point: Point) -> Iterator[str]:
    yield suspicion_words(point.flags)
    yield lateness_words(point.at, point.received_at, point.flags)
    if point.sent_value is not None:
        yield _("sent as %(value)s") % {"value": quantity_words(point.sent_value, point.sent_unit or "")}


def drawn_rows(traces: Traces) -> Iterator[tuple[Cell, ...]]:
    """The drawn figures for a file, line after line, oldest first."""
    for trace in traces.traces:
        series, station = trace.chosen.series, trace.chosen.station
        for point in trace.points:
            figures = (point.value, point.minimum, point.maximum, point.count)
            yield point.at.isoformat(), station.serial, series.name, series.unit, *figures
