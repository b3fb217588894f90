"""The latest happenings at a station: incidents, commands, notes, moves and events in one list by time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident
from fleet.alerts.rules import rule_known
from fleet.commands.models import Command
from fleet.core.spoken import duration_words, moment_words
from fleet.deployments.models import Deployment
from fleet.stations.models import Station, StationContact, StationNote
from fleet.telemetry.models import StationEvent
from sg_status.command_words import command_title, state_word
from sg_status.event_words.rows import event_shown
from sg_status.words import quantity_words

MOST: Final = 8
#: Maximum characters of a note or an event; its page has the rest.
_TEXT_MOST: Final = 140
_ICONS: Final = {"silence": "silent", "health_battery": "bat", "health_clock": "clock", "wrong_time": "clock"}


@dataclass(frozen=True, slots=True)
class Latest:
    """One line: when, a shape with its colour, who or what in bold, and the rest."""

    at: datetime
    icon: str
    kind: str
    lead: str
    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Happened:
    """The newest of each kind, newest first, from which the latest are chosen."""

    incidents: Sequence[Incident]
    commands: Sequence[Command]
    deployments: Sequence[Deployment]
    notes: Sequence[StationNote]
    events: Sequence[StationEvent]


def lately_of(station: Station, contact: StationContact | None, happened: Happened, moment: datetime) -> list[Latest]:
    """The newest entries, newest first."""
    entries = [
        *_incidents(happened.incidents, moment),
        *_commands(station, happened.commands),
        *_deployments(station, happened.deployments, moment),
        *(
            Latest(one.at, "note", "", f"{one.written_by_name}:", _cut(one.text), _page(station, "station-notes"))
            for one in happened.notes
        ),
        *_events(station, happened.events, moment),
        *_last_report(contact),
    ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST]


def _page(station: Station, name: str) -> str:
    return reverse(name, args=[station.serial])


def _incidents(incidents: Iterable[Incident], moment: datetime) -> Iterator[Latest]:
    for one in incidents:
        address = reverse("incident", args=[one.pk])
        rule = rule_known(one.rule, one.title)
        subject = str(rule.opened_subject) if rule else one.rule
        icon = _ICONS.get(one.rule, "check")
        kind = "silent" if one.rule == "silence" else "check"
        since = _("since %(when)s") % {"when": moment_words(one.began_at, moment)}
        yield Latest(one.opened_at, icon, kind, f"{subject},", f"{since}.", address)
        if one.closed_at is not None:
            over = str(rule.closed_subject) if rule else _("Over")
            lasted = duration_words((one.closed_at - one.began_at).total_seconds())
            yield Latest(
                one.closed_at, "ontime", "ok", f"{over},", _("after %(duration)s.") % {"duration": lasted}, address
            )


def _commands(station: Station, commands: Iterable[Command]) -> Iterator[Latest]:
    address = _page(station, "station-commands")
    for one in commands:
        title = command_title(one.name, one.parameters if isinstance(one.parameters, dict) else {})
        lead = f"{one.issued_by_name}:" if one.issued_by_name else ""
        told = f"{title}. {state_word(one.state).capitalize()}."
        yield Latest(one.issued_at, "cmd", "", lead, told, f"{address}#c-{one.pk}")


def _deployments(station: Station, deployments: Iterable[Deployment], moment: datetime) -> Iterator[Latest]:
    address = _page(station, "station-deployments")
    for one in deployments:
        begin, end = one.period.lower, one.period.upper
        if begin is not None and begin <= moment:
            yield Latest(begin, "pin", "", "", _("Set up at %(site)s.") % {"site": one.site.name}, address)
        if end is not None and end <= moment:
            yield Latest(end, "pin", "", "", _("Taken from %(site)s.") % {"site": one.site.name}, address)


def _events(station: Station, events: Iterable[StationEvent], moment: datetime) -> Iterator[Latest]:
    address = _page(station, "station-events")
    for one in events:
        shown = event_shown(one, moment)
        if shown.is_routine:
            continue
        told = f"{shown.sentence} ({shown.rest})" if shown.rest else shown.sentence
        yield Latest(one.placed_at, shown.icon, "check" if shown.is_bad else "", "", _cut(told), address)


def _last_report(contact: StationContact | None) -> Iterator[Latest]:
    if contact is None or contact.last_contact_at is None:
        return
    told = []
    battery = contact.health.get("battery_v") if isinstance(contact.health, dict) else None
    if isinstance(battery, int | float) and not isinstance(battery, bool):
        told.append(_("battery %(volts)s") % {"volts": quantity_words(float(battery), "V")})
    if contact.backlog_messages:
        told.append(_("%(n)s messages waiting") % {"n": contact.backlog_messages})
    lead = _("Last contact:") if told else _("Last contact.")
    yield Latest(contact.last_contact_at, "inbox", "", lead, ", ".join(told))


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _TEXT_MOST else f"{flat[: _TEXT_MOST - 1]}…"
