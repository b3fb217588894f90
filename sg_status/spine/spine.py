"""The whole spine of a station: the axis, the contact strip, the marks above and below it, and the charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.http import QueryDict
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules import rule_known, wrong_time
from fleet.commands.models import Command
from fleet.core.models import Outage
from fleet.core.pulses import outage_list
from fleet.core.spoken import duration_words, moment_words
from fleet.core.sun import nights
from fleet.deployments.models import Deployment
from fleet.files.selectors import starts_list
from fleet.stations.contact.hours import hours_of
from fleet.stations.models import Station, StationContact
from sg_status.command_words import command_label, state_word
from sg_status.spine.axis import Axis, AxisTick, axis_of
from sg_status.spine.charts import Chart, Value
from sg_status.spine.contact import Period, Strip, strip_of
from sg_status.spine.happenings import Occurrence, SpineMark, marks_of
from sg_status.spine.panes import panes_of

#: Nights are shaded up to this many days; beyond they would be a grey haze.
_NIGHTS_DAYS: Final = 7
_STARTS_MOST: Final = 400
_DAY: Final = timedelta(days=1)
#: A start worked out from the station's uptime is the same as one known from its files if they are this close.
_SAME_START: Final = timedelta(minutes=15)
_LABEL_MOST: Final = 24

SPANS: Final[dict[int, Promise]] = {
    7: gettext_lazy("7 days"),
    30: gettext_lazy("30 days"),
    365: gettext_lazy("a year"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """Data that the page has read already, newest first."""

    incidents: Sequence[Incident]
    commands: Sequence[Command]
    deployments: Sequence[Deployment]
    #: Latitude and longitude, if it is known where the station stands.
    place: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Span:
    """A link to another length of the axis."""

    label: Promise
    days: int
    is_current: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the whole drawing."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Spine:
    """Everything that is drawn. `wrong` is above the strip, `done` below it; `values` are the lines', by series."""

    axis: Axis
    ticks: list[AxisTick]
    spans: list[Span]
    nights: list[Bar]
    bands: list[Bar]
    down: list[Bar]
    strip: Strip
    wrong: list[SpineMark]
    done: list[SpineMark]
    charts: list[Chart]
    values: dict[str, list[Value]]
    #: Whether there were more starts than are drawn.
    starts_left_out: bool = False

    @property
    def kinds(self) -> set[str]:
        """The kinds of pieces and marks that it has, for its legend."""
        return {one.kind for one in self.strip.pieces} | {one.kind for one in self.done}

    @property
    def step_words(self) -> str:
        """The span that one point of a line stands for."""
        return duration_words(self.axis.step.total_seconds())


def spine_of(
    station: Station, contact: StationContact | None, known: Known, query: QueryDict, *, state: str, moment: datetime
) -> Spine:
    """The spine for the days in the URL."""
    axis = axis_of(query, moment)
    hours = (moment - axis.start) // timedelta(hours=1) + 1
    down = outage_list(start=axis.start, end=moment)
    charts, values = panes_of(station, axis)
    strip = strip_of(
        axis,
        hours_of(stations=[station], moment=moment, hours=hours, outages=down)[station.pk],
        last_at=contact.last_contact_at if contact else None,
        is_overdue=state in ("late", "silent"),
        excused=_wrong_times(known.incidents, moment),
    )
    starts = _starts(station, contact, axis)
    return Spine(
        axis=axis,
        ticks=axis.ticks(),
        spans=[Span(label, days, days == axis.days) for days, label in SPANS.items()],
        nights=_nights(axis, known.place),
        bands=[_bar(axis, max(one.began_at, axis.start), moment) for one in known.incidents if one.closed_at is None],
        down=[_bar(axis, one.started_at, one.ended_at) for one in down],
        strip=strip,
        wrong=marks_of(axis, [*_incidents(axis, known.incidents), *_outages(station, axis, down)]),
        done=marks_of(
            axis,
            [
                *_commands(station, axis, known.commands),
                *_deployments(station, axis, known.deployments),
                *(_start(station, axis, at) for at in starts),
            ],
        ),
        charts=charts,
        values=values,
        starts_left_out=len(starts) >= _STARTS_MOST,
    )


def _bar(axis: Axis, begin: datetime, end: datetime) -> Bar:
    return Bar(axis.x(begin), round(max(axis.x(end) - axis.x(begin), 0.15), 2))


def _nights(axis: Axis, place: tuple[float, float] | None) -> list[Bar]:
    if place is None or axis.days > _NIGHTS_DAYS:
        return []
    dark = nights(latitude=place[0], longitude=place[1], start=axis.start, end=axis.end)
    return [_bar(axis, begin, end) for begin, end in dark]


def _wrong_times(incidents: Iterable[Incident], moment: datetime) -> list[Period]:
    """Periods in which data arrived and was filed under another time, so that its hours only seem to be missing."""
    return [(one.began_at, one.closed_at or moment) for one in incidents if one.rule == wrong_time.NAME]


def _lasted(begin: datetime, end: datetime | None, moment: datetime) -> str:
    words = {
        "from": moment_words(begin, moment),
        "duration": duration_words(((end or moment) - begin).total_seconds()),
    }
    if end is None:
        return _("since %(from)s (%(duration)s)") % words
    return _("%(from)s to %(to)s (%(duration)s)") % {**words, "to": moment_words(end, moment)}


def _incidents(axis: Axis, incidents: Iterable[Incident]) -> Iterable[Occurrence]:
    for one in incidents:
        if one.closed_at is not None and one.closed_at <= axis.start:
            continue
        rule = rule_known(one.rule, one.title)
        subject = str(rule.opened_subject) if rule else one.rule
        yield Occurrence(
            kind="incident",
            at=max(one.began_at, axis.start),
            until=one.closed_at or axis.moment,
            label=subject,
            told=f"{subject}: {_lasted(one.began_at, one.closed_at, axis.moment)}",
            address=reverse("incident", args=[one.pk]),
            is_open=one.closed_at is None,
        )


def _outages(station: Station, axis: Axis, down: Iterable[Outage]) -> Iterable[Occurrence]:
    for one in down:
        yield Occurrence(
            kind="down",
            at=max(one.started_at, axis.start),
            until=one.ended_at,
            label=_("Roost down"),
            told=_("Roost itself was down: %(when)s. Nothing sent in that time is lost.")
            % {"when": _lasted(one.started_at, one.ended_at, axis.moment)},
            address=reverse("station-deliveries", args=[station.serial]),
        )


def _commands(station: Station, axis: Axis, commands: Iterable[Command]) -> Iterable[Occurrence]:
    address = reverse("station-commands", args=[station.serial])
    for one in commands:
        if axis.has(one.issued_at):
            words = {
                "command": command_label(one.name),
                "state": state_word(one.state),
                "when": moment_words(one.issued_at, axis.moment),
                "by": one.issued_by_name,
            }
            told = _("%(command)s: %(state)s (%(when)s)")
            if one.issued_by_name:
                told = _("%(command)s: %(state)s (%(when)s, %(by)s)")
            yield Occurrence("command", one.issued_at, command_label(one.name), told % words, f"{address}#c-{one.pk}")


def _deployments(station: Station, axis: Axis, deployments: Iterable[Deployment]) -> Iterable[Occurrence]:
    address = reverse("station-deployments", args=[station.serial])
    for one in deployments:
        begin, end = one.period.lower, one.period.upper
        site = one.site.name
        short = site if len(site) <= _LABEL_MOST else f"{site[: _LABEL_MOST - 1]}…"
        if begin is not None and axis.has(begin):
            told = _("At %(site)s since %(when)s") % {"site": site, "when": moment_words(begin, axis.moment)}
            yield Occurrence("deployment", begin, short, told, address)
        if end is not None and end <= axis.moment and axis.has(end):
            told = _("Left %(site)s %(when)s") % {"site": site, "when": moment_words(end, axis.moment)}
            yield Occurrence("deployment", end, _("left %(site)s") % {"site": short}, told, address)


def _start(station: Station, axis: Axis, at: datetime) -> Occurrence:
    told = _("Started again: %(when)s") % {"when": moment_words(at, axis.moment)}
    return Occurrence("restart", at, _("restart"), told, reverse("station-events", args=[station.serial]))


def _starts(station: Station, contact: StationContact | None, axis: Axis) -> list[datetime]:
    """Starts as far as they are known: from the names of its files, and the newest from its uptime."""
    # A start before the axis would appear at its first file on the axis, so look at the day before as well.
    files = starts_list(station=station, start=axis.start - _DAY, end=axis.moment, most=_STARTS_MOST)
    found = [at for at in files if axis.has(at)]
    uptime, said_at = (contact.health.get("uptime_s"), contact.health_occurred_at) if contact else (None, None)
    if isinstance(uptime, int | float) and not isinstance(uptime, bool) and said_at is not None:
        newest = said_at - timedelta(seconds=min(max(uptime, 0.0), 1e9))
        if axis.has(newest) and all(abs(newest - at) > _SAME_START for at in files):
            found.append(newest)
    return found
