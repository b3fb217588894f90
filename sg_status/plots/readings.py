"""Lines made of readings: every reading while they are few, otherwise means of a readable width."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.utils.translation import gettext as _

from fleet.core.spoken import unit_words
from fleet.stations.contact.health_marks import volts_shown
from fleet.telemetry.models import Suspicion
from fleet.telemetry.quantities import quantity_of
from fleet.telemetry.selectors import Point
from fleet.telemetry.side_by_side import moments_before, readings_rolled, readings_single
from sg_status.plots.choice import Chosen
from sg_status.plots.figure import Dot, Figure, Line
from sg_status.window import Window

#: Maximum dots of all lines together, and the highest and lowest limit for one line: a line has no more pixels.
_DOTS_MOST, _LINE_MOST, _LINE_LEAST = 1_600, 400, 200
_DAY_S: Final = 86_400
#: Widths of means, in seconds, that are easy to read on a clock.
_WIDTHS: Final = (
    *(10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200),
    *(days * _DAY_S for days in (1, 7, 30)),
)
#: A gap is a pause this many times longer than usual, and at least this many seconds.
_GAP_FACTOR, _GAP_LEAST_S = 3.5, 5.0
#: With fewer readings in the period than this, the usual interval is taken from up to this many before its end.
_RHYTHM_FROM, _RHYTHM_OF = 5, 20
#: The span of the plot of a year, and the longest period for which there is one.
YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Trace:
    """One chosen series with its points in the period, and the line that is drawn of them."""

    chosen: Chosen
    points: list[Point]
    line: Line


@dataclass(frozen=True, slots=True)
class Traces:
    """All chosen lines, and the width of the means; None if every reading is there."""

    traces: list[Trace]
    width: timedelta | None

    @property
    def lines(self) -> list[Line]:
        """The lines to draw."""
        return [trace.line for trace in self.traces]

    @property
    def level(self) -> str:
        """How readings were combined, in words."""
        if self.width is None:
            return _("Every reading is drawn.")
        return _("%(width)s; the shading is from the lowest to the highest reading.") % {
            "width": _width_words(round(self.width.total_seconds()))
        }


def traces_of(chosen: Sequence[Chosen], window: Window) -> Traces:
    """The readings of the chosen series in a period; if one has too many, those of all series become means."""
    series = [one.series for one in chosen]
    most = min(max(_DOTS_MOST // max(len(series), 1), _LINE_LEAST), _LINE_MOST)
    single = readings_single(series=series, start=window.start, end=window.end, most=most)
    if single is not None:
        few = [one for one in series if len(single[one.pk]) < _RHYTHM_FROM]
        before = moments_before(series=few, before=window.end, most=_RHYTHM_OF) if few else {}
        return Traces(
            [
                Trace(one, points, _line(one, points, _pause([p.at for p in points], before.get(one.series.pk))))
                for one in chosen
                for points in (single[one.series.pk],)
            ],
            None,
        )
    wanted = (window.end - window.start).total_seconds() / most
    width = timedelta(seconds=next((width for width in _WIDTHS if width >= wanted), _WIDTHS[-1]))
    rolled = readings_rolled(series=series, start=window.start, end=window.end, every=width)
    made = [
        Trace(one, rolled[one.series.pk], _rolled_line(one, rolled[one.series.pk], width, window)) for one in chosen
    ]
    return Traces(made, width)


def year_of(chosen: Chosen, window: Window, now: datetime) -> Figure | None:
    """Daily means of the year around a period, to choose another from; None if the period is longer than a year."""
    if window.end - window.start > YEAR + timedelta(days=1):
        return None
    end = now if window.start >= now - YEAR else window.start + (window.end - window.start + YEAR) / 2
    around = Window(window.span, end - YEAR, end, is_moved=True)
    width = timedelta(days=1)
    points = readings_rolled(series=[chosen.series], start=around.start, end=around.end, every=width)
    line = _rolled_line(chosen, points[chosen.series.pk], width, around)
    return Figure(name="year", lines=[line], start=around.start, end=around.end, now=now)


def _line(chosen: Chosen, points: Sequence[Point], gap_from: timedelta) -> Line:
    dots = [Dot(point.at, point.value, is_doubted=_is_doubted(point), is_late=point.is_late) for point in points]
    return Line(
        label=chosen.label, unit=unit_words(chosen.series.unit), dots=dots, gap_from=gap_from, limit=_limit(chosen)
    )


def _rolled_line(chosen: Chosen, points: Sequence[Point], width: timedelta, window: Window) -> Line:
    # A mean is drawn in the middle of its interval, but never outside the period.
    dots = [
        Dot(
            min(max(point.at + width / 2, window.start), window.end),
            point.value,
            point.minimum,
            point.maximum,
            is_doubted=_is_doubted(point),
        )
        for point in points
    ]
    return Line(
        label=chosen.label, unit=unit_words(chosen.series.unit), dots=dots, gap_from=width * 1.5, limit=_limit(chosen)
    )


def _is_doubted(point: Point) -> bool:
    """Whether a reading is doubted; one whose time a person corrected is not, although it has a remark."""
    return bool(point.flags & ~Suspicion.SHIFTED)


def _limit(chosen: Chosen) -> tuple[float, str] | None:
    quantity = quantity_of(chosen.series)
    if quantity is None or quantity.low is None:
        return None
    # The limit is only drawn where values come near it; see `scale_of`.
    return quantity.low, _("low: %(volts)s V") % {"volts": volts_shown(quantity.low)}


def _pause(moments: Sequence[datetime], before: Sequence[datetime] | None) -> timedelta:
    """Pauses longer than this are gaps. `before` has earlier readings if those in the period are too few to tell."""
    moments = moments if before is None else before
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    usual_s = statistics.median_low(pauses) if pauses else 0.0
    return timedelta(seconds=max(usual_s * _GAP_FACTOR, _GAP_LEAST_S))


def _width_words(seconds: int) -> str:
    if seconds < 60:
        return _("%(n)d-second means") % {"n": seconds}
    if seconds < 3_600:
        return _("%(n)d-minute means") % {"n": seconds // 60}
    if seconds == 3_600:
        return _("Hourly means")
    if seconds < _DAY_S:
        return _("%(n)d-hour means") % {"n": seconds // 3_600}
    return _("Daily means") if seconds == _DAY_S else _("%(n)d-day means") % {"n": seconds // _DAY_S}
