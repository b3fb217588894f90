"""The charts of a station's spine: at most four, chosen by the station's model and by what it has sent."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.spoken import count_words, unit_words
from fleet.core.zones import day_start
from fleet.stations.contact.health_marks import BATTERY
from fleet.stations.models import Station
from fleet.stations.sorting.device_models import model_quantity_names
from fleet.telemetry.binned import Bucket, buckets_of_several, detections_binned
from fleet.telemetry.models import Series, Suspicion
from fleet.telemetry.quantities import BACKLOG, PREFIX, quantity_of, series_label
from fleet.telemetry.selectors import series_chosen
from sg_status.spine.axis import Axis
from sg_status.spine.charts import Chart, ChartScale, Limit, Value, bars_of, line_of, scale_of
from sg_status.words import quantity_words, short_words

MOST: Final = 4
#: The station's series about itself that are worth a chart here.
_BATTERY, _HEAT, _WAITING = f"{PREFIX}battery_v", f"{PREFIX}temperature_c", f"{PREFIX}{BACKLOG}"
_OWN: Final = (_BATTERY, _HEAT, _WAITING, f"{PREFIX}solar_v", f"{PREFIX}signal_dbm", f"{PREFIX}disk_percent")
#: A limit farther from the values than this share of their span is left out, because it would flatten the line.
_LIMIT_NEAR: Final = 1.0
_TALL, _LOW = 60, 46


def panes_of(station: Station, axis: Axis) -> tuple[list[Chart], dict[str, list[Value]]]:
    """The charts, and the values of their lines by the name of the series."""
    quantities = model_quantity_names(station=station)
    counts, today = detections_binned(
        station=station, start=axis.start, end=axis.end, every=axis.step, since=day_start(axis.moment)
    )
    found = series_chosen(station=station, names=[*_OWN, *quantities], since=axis.start, end=axis.end, others=MOST)
    names = _order(found, quantities, has_detections=bool(counts))[:MOST]
    drawn = [one for name in names for one in found if one.name == name][:MOST]
    bins = buckets_of_several(series=drawn, start=axis.start, end=axis.end, every=axis.step)
    values = {one.name: values_of(axis, one, bins[one.pk]) for one in drawn}
    charts: list[Chart] = []
    for name in names:
        if not name:
            charts.append(_detections(station, axis, counts, today))
        charts += [chart_of(station, axis, one, values[name]) for one in drawn if one.name == name and values[name]]
    return charts[:MOST], values


def _order(found: Sequence[Series], quantities: Sequence[str], *, has_detections: bool) -> list[str]:
    """Names of series, the most important first; the empty name stands for detections."""
    names = {one.name for one in found}
    measured = [name for name in quantities if name in names]
    measured += [one.name for one in found if one.name not in _OWN and one.name not in measured]
    if has_detections:
        wanted = [_BATTERY, _HEAT, "", _WAITING, *measured, *_OWN]
    elif measured:
        wanted = [*measured[: MOST - 1], _BATTERY, _WAITING, *measured, *_OWN]
    else:
        wanted = list(_OWN)
    return [name for name in dict.fromkeys(wanted) if not name or name in names]


def values_of(axis: Axis, series: Series, bins: Collection[Bucket]) -> list[Value]:
    """The mean of each step at its middle, then the newest value, which may be more recent."""
    values = [(at + axis.step / 2, mean) for at, mean, *_figures in bins if at + axis.step / 2 <= axis.moment]
    last_at, last = series.last_at, series.last_value
    if last_at is None or last is None or series.last_flags & Suspicion.OUTSIDE or not axis.has(last_at):
        return values
    return [*(value for value in values if value[0] < last_at), (last_at, last)]


def chart_of(station: Station, axis: Axis, series: Series, values: Sequence[Value]) -> Chart:
    """The chart of a series through these values, of which there is at least one."""
    known = quantity_of(series)
    low = known.low if known else None
    from_zero = series.name == _WAITING
    figures = [value for _at, value in values]
    if low is not None and min(figures) - low < (max(figures) - min(figures)) * _LIMIT_NEAR:
        figures.append(low)
    scale = scale_of(figures, unit=series.unit, from_zero=from_zero)
    newest_at, newest = values[-1]
    is_bad = series.name == _BATTERY and BATTERY.is_bad(newest)
    limit = None
    if low is not None and scale.low <= low <= scale.high:
        words = _("low: %(value)s") % {"value": quantity_words(low, series.unit)}
        limit = Limit(scale.y(low), words, is_under=values[0][1] >= low)
    return Chart(
        name=series_label(series),
        value=count_words(round(newest)) if from_zero else _figure(newest, scale, series.unit),
        unit=ngettext("message", "messages", round(newest)) if from_zero else "",
        address=f"{reverse('station-data', args=[station.serial])}?series={quote(series.reference, safe='')}",
        height=_TALL if limit else _LOW,
        top=short_words(scale.high, series.unit),
        bottom=short_words(scale.low, series.unit),
        line=line_of(axis, values, scale),
        limit=limit,
        dot=(axis.x(newest_at), scale.y(newest)),
        is_bad=is_bad,
        has_floor=scale.low == 0,
    )


def _detections(station: Station, axis: Axis, counts: Sequence[tuple[datetime, int]], today: int) -> Chart:
    figures: list[Value] = [(at, float(count)) for at, count in counts]
    scale = scale_of([count for _at, count in figures], from_zero=True)
    if axis.step >= timedelta(days=1):
        shape = pgettext("detections on the scale of a chart", "%(count)s/day")
    elif axis.step > timedelta(hours=1):
        shape = pgettext("detections on the scale of a chart", "%(count)s/3 h")
    else:
        shape = pgettext("detections on the scale of a chart", "%(count)s/h")
    return Chart(
        name=_("Detections"),
        value=count_words(today),
        unit=pgettext("detections", "today"),
        address=reverse("station-detections", args=[station.serial]),
        height=_LOW,
        top=shape % {"count": short_words(scale.high, "")},
        bottom="0",
        bars=bars_of(axis, figures, scale),
        has_floor=True,
    )


def _figure(value: float, scale: ChartScale, unit: str) -> str:
    """A value with its unit, with one decimal more than the steps of its scale."""
    return f"{scale.words(value)}\u00a0{word}" if (word := unit_words(unit)) else scale.words(value)
