"""The chart of an incident: the series that it is about, from some days before it began until after its end."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fleet.alerts.models import Incident
from fleet.telemetry.binned import buckets_of_several
from fleet.telemetry.quantities import PREFIX
from fleet.telemetry.selectors import series_chosen
from sg_status.spine.axis import Axis, AxisTick
from sg_status.spine.charts import Chart
from sg_status.spine.panes import chart_of, values_of

#: The series that help to explain the incidents of each rule, the best first.
_FIGURES: Final = {
    "silence": ("battery_v", "signal_dbm"),
    "health_battery": ("battery_v",),
    "health_disk": ("disk_percent",),
    "health_heat": ("temperature_c",),
}
_BEFORE, _AFTER = timedelta(days=3), timedelta(hours=12)
#: The longest period drawn, including the days before the incident: of a long one only the beginning is shown.
_MOST: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Around:
    """The chart on its own axis; the incident is a band, and the present is marked if it is on the axis."""

    axis: Axis
    ticks: list[AxisTick]
    chart: Chart
    band: tuple[float, float]
    has_now: bool


def around_of(incident: Incident, now: datetime) -> Around | None:
    """The chart; None if the station has no such figure from that time."""
    wanted = [f"{PREFIX}{name}" for name in _FIGURES.get(incident.rule, ())]
    if not wanted:
        return None
    axis = _axis(incident, now)
    # Ask for series with data in this period: a series' newest value may be years after the incident.
    found = series_chosen(station=incident.station, names=wanted, since=axis.start, end=now + _AFTER, others=0)
    named = [one for one in found if one.name in wanted]
    series = min(named, key=lambda one: wanted.index(one.name), default=None)
    if series is None:
        return None
    bins = buckets_of_several(series=[series], start=axis.start, end=axis.end, every=axis.step)[series.pk]
    values = values_of(axis, series, bins)
    if not values:
        return None
    end = incident.closed_at or axis.moment
    left, right = axis.x(incident.began_at), axis.x(end)
    # The band is wide enough to be seen and never reaches into the future.
    width = round(max(right - left, 0.3), 2)
    band = (round(min(left, axis.now - width), 2), width)
    chart = chart_of(incident.station, axis, series, values)
    return Around(axis, axis.ticks(), chart, band, has_now=axis.moment == now)


def _axis(incident: Incident, now: datetime) -> Axis:
    began = incident.began_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = began - _BEFORE
    moment = min(now, (incident.closed_at or now) + _AFTER, start + _MOST)
    days = max((moment - start).days, 1)
    return Axis(min(days, 7), start, moment, moment + (moment - start) * 0.035, timedelta(hours=1))
