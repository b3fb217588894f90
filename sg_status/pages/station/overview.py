"""The station's first page: its state in one sentence, what to do, and everything on one time axis."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.alerts.models import Incident
from fleet.alerts.rules import flooding, rule_known, silence, wrong_time
from fleet.alerts.selectors import IncidentView, incident_list, incident_shown
from fleet.commands.selectors import command_list
from fleet.core import clock
from fleet.deployments.models import Deployment
from fleet.deployments.selectors import deployment_list
from fleet.ingest.quarantine import quarantine_list
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.contact.health_marks import Mark, health_of, marks_of
from fleet.stations.contact.pauses import pauses_of
from fleet.stations.contact.rhythm import rhythm_of
from fleet.stations.contact.rhythm_words import rhythm_sentence
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station, StationContact
from fleet.stations.notes import note_list
from fleet.telemetry.condition.disks import disk_days, disk_mark
from fleet.telemetry.lateness import clock_jump_count
from fleet.telemetry.selectors import event_list, ledger_summary
from message_queue.contracts.health import Health
from sg_status.access import page
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.file_words import file_sentences
from sg_status.pages.station.frame import station_of, station_render
from sg_status.pages.station.health import health_rows
from sg_status.pages.station.lately import MOST, Happened, lately_of
from sg_status.pages.station.made_of import made_of
from sg_status.pages.station.next_steps import Situation, next_steps
from sg_status.pages.station.place import place_of
from sg_status.spine.spine import Known, spine_of

#: Maximum number of each that is read; the page says if the spine leaves any out.
INCIDENTS_MOST: Final = 120
COMMANDS_MOST: Final = 200
DEPLOYMENTS_MOST: Final = 40
EVENTS_ASKED: Final = 40
#: Names of events that are frequent and never news.
_ROUTINE: Final = ("clock", "filter")
#: Rules whose incidents the page's own sentence tells.
_SAID: Final = (silence.NAME, flooding.NAME)
_YEAR: Final = timedelta(days=366)
_CLOCK_BACK: Final = timedelta(days=30)


@page
@require_safe
def station(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Overview of one station."""
    found = station_of(viewer, serial)
    moment = clock.now()
    contact = contact_of(found)
    health = health_of(contact)
    state = state_shown(found, contact, moment)
    # Open incidents first, so that the limit never cuts them off.
    incidents = list(
        incident_list(viewer=viewer, station=found, open_first=True, since=moment - _YEAR)[:INCIDENTS_MOST]
    )
    commands = list(command_list(station=found).prefetch_related(None)[:COMMANDS_MOST])
    deployments = list(deployment_list(station=found).prefetch_related("antennas")[:DEPLOYMENTS_MOST])
    place = place_of(viewer, found, _current(deployments), state, moment)
    known = Known(incidents, commands, deployments, place.coordinates if place else None)
    spine = spine_of(found, contact, known, request.GET, state=state, moment=moment)
    opened = {one.rule for one in incidents if one.closed_at is None}
    happened = Happened(
        incidents,
        commands[:MOST],
        deployments,
        list(note_list(station=found)[:MOST]),
        list(event_list(station=found, without=_ROUTINE)[:EVENTS_ASKED]),
    )
    ledger = ledger_summary(station=found)
    jumps = clock_jump_count(station=found, since=moment - _CLOCK_BACK)
    situation = Situation(
        station=found,
        contact=contact,
        state=state,
        health=health,
        rules=opened,
        moment=moment,
        may_operate=viewer.may(Membership.Role.OPERATOR, found.organization_id),
        site=place.site if place else "",
    )
    context: dict[str, Any] = {
        "steps": next_steps(situation),
        "opened": _opened(incidents),
        "spine": spine,
        "health": health_rows(
            health,
            contact,
            jumps=jumps,
            battery=spine.values.get("health/battery_v", ()),
            has_wrong_times=wrong_time.NAME in opened,
        )
        if health and contact
        else [],
        "marks": _marks(found, contact, health, moment),
        "rhythm": _rhythm_words(found, moment),
        "place": place,
        "lately": lately_of(found, contact, happened, moment),
        "ledger": ledger,
        "file_sentences": file_sentences(ledger.file_summary),
        "quarantined": quarantine_list(viewer=viewer, station=found.serial).count(),
        "made_of": made_of(found, contact, health, moment),
        "marks_left_out": len(commands) == COMMANDS_MOST
        or len(incidents) == INCIDENTS_MOST
        or len(deployments) == DEPLOYMENTS_MOST
        or spine.starts_left_out,
    }
    return station_render(request, viewer, found, "sg_status/station/overview.html", context, tab="station")


def _marks(station: Station, contact: StationContact | None, health: Health | None, moment: datetime) -> list[Mark]:
    """The marks of its health, with the forecast for its disk, which is worked out from two weeks."""
    days = disk_days(stations=[station], moment=moment).get(station.pk) if health else None
    coming = disk_mark(days, health.disk_percent if health else None)
    return [*marks_of(contact), *([coming] if coming else [])]


def _rhythm_words(station: Station, moment: datetime) -> str:
    """How often the station calls, judged by its contacts; empty without a history."""
    rhythm = rhythm_of(pauses_of(station_ids=[station.pk], moment=moment)[station.pk])
    return "" if rhythm is None or station.retired_at is not None else rhythm_sentence(rhythm, moment)


def _current(deployments: list[Deployment]) -> Deployment | None:
    """The deployment that goes on now; lists have the newest first."""
    moment = clock.now()
    return next(
        (
            one
            for one in deployments
            if (one.period.lower is None or one.period.lower <= moment)
            and (one.period.upper is None or one.period.upper > moment)
        ),
        None,
    )


def _opened(incidents: list[Incident]) -> list[tuple[IncidentView, str]]:
    """Open incidents with their sentences and a few words, without those that the page's own sentence names."""
    return [
        (incident_shown(one), str(rule.opened_subject) if (rule := rule_known(one.rule, one.title)) else one.rule)
        for one in incidents
        if one.closed_at is None and one.rule not in _SAID
    ]


urlpatterns = [path("stations/<serial:serial>/", station, name="station")]
