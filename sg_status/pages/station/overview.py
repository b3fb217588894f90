"""The station's first page: its state in one sentence, and everything that explains it."""

from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from fleet.alerts.rules import hardware_swap, silence, wrong_time
from fleet.alerts.selectors import incident_list, incident_shown
from fleet.commands.selectors import command_list
from fleet.core import clock
from fleet.ingest.quarantine import quarantine_list
from fleet.organizations.access import Viewer
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.contact.health_marks import health_of
from fleet.stations.data_use import data_use_of
from fleet.stations.life.hardware import swap_asked, swap_sentence
from fleet.stations.models import Station, StationContact
from fleet.sync.selectors import links_of
from fleet.telemetry.coverage import detection_newest_hour
from fleet.telemetry.lateness import clock_jump_count
from fleet.telemetry.models import Detection
from fleet.telemetry.selectors import (
    HourCount,
    detections_per_hour,
    event_list,
    latest_position,
    ledger_summary,
    series_list,
)
from sg_status.access import page
from sg_status.command_words import command_shown
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.file_words import file_sentences
from sg_status.pages.station.frame import station_of, station_render
from sg_status.pages.station.health import also_said_of, clock_line, facts_of
from sg_status.pages.station.strip import strip_of

#: Lines shown of each list; the tabs have the rest.
SERIES_SHOWN, COMMANDS_SHOWN, EVENTS_SHOWN, INCIDENTS_SHOWN = 40, 4, 8, 60
#: Rules whose incidents the page shows elsewhere.
_SAID = (silence.RULE.name, hardware_swap.RULE.name)
DETECTIONS_BACK = timedelta(hours=24)
CLOCK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PortRow:
    """Detections of one port."""

    port: int
    pulses: int
    tags: int


@page
@require_safe
def station(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Overview of one station."""
    found = station_of(viewer, serial)
    moment = clock.now()
    contact = contact_of(found)
    health = health_of(contact)
    ports = _ports(detections_per_hour(station=found, start=moment - DETECTIONS_BACK, end=moment))
    series = list(series_list(station=found)[: SERIES_SHOWN + 1])
    swap = swap_asked(station=found)
    # Open incidents first, however many have opened and closed since.
    incidents = list(incident_list(viewer=viewer, station=found, open_first=True)[:INCIDENTS_SHOWN])
    is_wrong = any(one.rule == wrong_time.NAME and one.closed_at is None for one in incidents)
    opened = [one for one in incidents if one.closed_at is None and one.rule not in _SAID]
    ledger = ledger_summary(station=found)
    context = {
        "is_wrong": is_wrong,
        "opened": [incident_shown(one) for one in opened],
        "swap": swap_sentence(pair=swap, moment=moment) if swap else "",
        "interval_s": interval_of(found, contact) if contact else found.operator_interval_s,
        "interval_source": _interval_source(found, contact),
        "position": latest_position(station=found),
        "software": _software(contact),
        "profile": _profile(contact),
        "clock": clock_line(
            health, contact, clock_jump_count(station=found, since=moment - CLOCK_BACK), is_wrong=is_wrong
        ),
        "data_use": data_use_of(station=found, moment=moment),
        "facts": facts_of(health) if health else [],
        "also_said": also_said_of(contact),
        "radios": health.radios if health else [],
        "ledger": ledger,
        "file_sentences": file_sentences(ledger.file_summary),
        "quarantined": quarantine_list(viewer=viewer, station=found.serial).count(),
        "links": links_of(station=found),
        "series": series[:SERIES_SHOWN],
        "series_more": len(series) > SERIES_SHOWN,
        "ports": ports,
        "newest_hour": None if ports else detection_newest_hour(station=found),
        "commands": [command_shown(one, moment) for one in command_list(station=found)[:COMMANDS_SHOWN]],
        "events": event_list(station=found)[:EVENTS_SHOWN],
        "strip": strip_of(found, incidents, moment),
    }
    return station_render(request, viewer, found, "sg_status/station/overview.html", context, tab="station")


def _ports(counts: list[HourCount]) -> list[PortRow]:
    pulses: dict[int, int] = {}
    tags: dict[int, int] = {}
    for entry in counts:
        kind = pulses if entry.kind == Detection.Kind.PULSE else tags
        kind[entry.port] = kind.get(entry.port, 0) + entry.count
    return [PortRow(port, pulses.get(port, 0), tags.get(port, 0)) for port in sorted({*pulses, *tags})]


def _interval_source(found: Station, contact: StationContact | None) -> str:
    """The source of the interval, in the order of `fleet.stations.contact.deadlines.interval_of`."""
    if contact is not None and contact.announced_interval_s:
        return _("announced by the station")
    if found.operator_interval_s:
        return _("set by an operator")
    if contact is not None and contact.learned_interval_s:
        return _("learned from its contacts")
    return _("assumed until more is known")


def _software(contact: StationContact | None) -> str:
    """Agent version and hardware from the newest hello, as far as reported."""
    hello = contact.hello if contact else {}
    hardware = hello.get("hardware")
    model = hardware.get("model") if isinstance(hardware, dict) else None
    return " · ".join(str(value)[:80] for value in (hello.get("agent_version"), model) if value)


def _profile(contact: StationContact | None) -> str:
    """How freely the station uses its link, from its newest hello."""
    said = str((contact.hello if contact else {}).get("profile") or "")
    words = {
        "generous": pgettext("profile", "generous"),
        "normal": pgettext("profile", "normal"),
        "frugal": pgettext("profile", "frugal"),
        "satellite": pgettext("profile", "satellite"),
    }
    return words.get(said, said[:40])


urlpatterns = [path("stations/<serial:serial>/", station, name="station")]
