"""Stations that need attention, in sentences: the state and since when, why, and a link to the next step."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.core.spoken import duration_words, moment_words
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from sg_status.pages.fleet.rows import FleetRow, rule_word

#: The end of a sentence, but not the point in a figure or a German date.
_END = re.compile(r"(?:(?<=[^\d\s][.!?])|(?<=\d{3}\.)|(?<=:\d{2}\.)) (?=[^\W\d_a-z])")


#: Rules whose incidents a silent station's sentence names as its cause, in the sentence's order.
_NAMED: Final = ("health_battery", "health_disk", "health_heat")


@dataclass(frozen=True, slots=True)
class NeedStep:
    """The next step: what to do, and where."""

    label: str | Promise
    address: str


@dataclass(frozen=True, slots=True)
class Need:
    """One station that needs attention. `colour`: its state's class; `also`: further causes in a few words."""

    row: FleetRow
    colour: str
    lead: str
    rest: str
    also: str
    step: NeedStep


def needs_of(rows: Sequence[FleetRow], viewer: Viewer, *, commanded: Collection[int]) -> list[Need]:
    """The stations with their sentences. `commanded`: those that have not answered a command yet."""
    moment = clock.now()
    return [_need(row, viewer, moment, is_commanded=row.station.pk in commanded) for row in rows]


def _need(row: FleetRow, viewer: Viewer, moment: datetime, *, is_commanded: bool) -> Need:
    is_contact = row.state in ("silent", "late")
    lead, rest = (row.shown.lead, row.shown.rest) if is_contact else _of_incident(row.causes[:1], moment)
    others = _not_said(row) if is_contact else row.causes[1:]
    also = _("Also: %(causes)s.") % {"causes": ", ".join(str(rule_word(one)) for one in others)} if others else ""
    return Need(
        row,
        row.state if is_contact else "check",
        lead,
        rest,
        also,
        _step(row, viewer, is_contact=is_contact, is_commanded=is_commanded),
    )


def _not_said(row: FleetRow) -> list[Incident]:
    """The incidents of a silent or late station that its own sentence does not name as the likeliest cause."""
    if row.state != "silent":
        return row.causes
    rules = [incident.rule for incident in row.causes]
    named = next((rule for rule in _NAMED if rule in rules), "")
    return [incident for incident in row.causes if incident.rule != named]


def _of_incident(causes: list[Incident], moment: datetime) -> tuple[str, str]:
    """The first sentence of an incident, and the others after since when it has lasted."""
    if not causes:
        return "", ""
    incident = causes[0]
    lead, *others = _END.split(incident.said(is_over=False), maxsplit=1)
    since = _("Since %(moment)s (%(duration)s).") % {
        "moment": moment_words(incident.began_at, moment),
        "duration": duration_words((moment - incident.began_at).total_seconds()),
    }
    return lead, " ".join([since, *others])


def _step(row: FleetRow, viewer: Viewer, *, is_contact: bool, is_commanded: bool) -> NeedStep:
    station, may_operate = row.station, viewer.may_station(Role.OPERATOR, row.station)
    if row.state == "late" and may_operate:
        if is_commanded:
            return NeedStep(_("See command"), reverse("station-commands", args=[station.serial]))
        return NeedStep(_("Send ping"), reverse("station-command-send", args=[station.serial, "ping"]))
    if not is_contact and row.causes and may_operate and (make := _STEPS.get(row.causes[0].rule)):
        label, place = make
        return NeedStep(label, place(station))
    if row.incidents:
        return NeedStep(_("See incident"), reverse("incident", args=[row.incidents[0].pk]))
    return NeedStep(_("See station"), reverse("station", args=[station.serial]))


def _at(name: str, *more: str, query: str = "") -> Callable[[Station], str]:
    return lambda station: reverse(name, args=[station.serial, *more]) + query


def _motus_deployments(station: Station) -> str:
    return reverse("organization-motus-station", args=[station.organization.slug, station.serial])


#: The page for each problem, by its rule. Problems without a page are solved in the field.
_STEPS: Final[dict[str, tuple[Promise, Callable[[Station], str]]]] = {
    "cloned_card": (gettext_lazy("Decide …"), _at("station-deliveries")),
    "data_plan": (gettext_lazy("Set profile …"), _at("station-command-send", "set_profile")),
    "flooding": (gettext_lazy("Lift suspension …"), _at("station-settings")),
    "hardware_swap": (gettext_lazy("Answer …"), _at("station-hardware")),
    "health_battery": (gettext_lazy("See battery"), _at("station-data", query="?series=health/battery_v&span=7d")),
    "health_clock": (gettext_lazy("See clock"), _at("station-clock")),
    "health_disk": (gettext_lazy("See disk"), _at("station-data", query="?series=health/disk_percent&span=30d")),
    "health_heat": (gettext_lazy("See heat"), _at("station-data", query="?series=health/temperature_c&span=7d")),
    "health_radios": (gettext_lazy("Restart …"), _at("station-command-send", "reboot")),
    "motus_lacks_files": (gettext_lazy("See files at Motus"), _motus_deployments),
    "motus_mismatch": (gettext_lazy("Compare …"), _motus_deployments),
    "motus_missing": (gettext_lazy("Compare …"), _motus_deployments),
    "motus_no_data": (
        gettext_lazy("See uploads"),
        lambda station: reverse("organization-motus-files", args=[station.organization.slug]),
    ),
    "over_quota": (gettext_lazy("See deliveries"), _at("station-deliveries")),
    "quarantine_growth": (
        gettext_lazy("See what is held back"),
        lambda station: f"{reverse('quarantine')}?station={station.serial}",
    ),
    "wrong_time": (gettext_lazy("Move its data …"), _at("station-clock")),
}
