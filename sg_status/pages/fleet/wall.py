"""The wall: stations as tiles on a screen that nobody touches, the most urgent first, with totals and new incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.alerts.attention import (
    CHECK,
    FleetTotals,
    fleet_list,
    fleet_narrow,
    fleet_state,
    fleet_state_word,
    fleet_totals,
    incidents_by_station,
)
from fleet.alerts.models import Incident
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.selectors import IncidentView, incident_list
from fleet.core import clock
from fleet.core.spoken import count_words, duration_words, moment_words
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.access import page
from sg_status.pages.fleet.address import Narrowing, choices_read, narrowing_read
from sg_status.pages.fleet.list import fleet_verdict
from sg_status.pages.fleet.rows import rule_word
from sg_status.pages.station.contact import contact_of
from sg_status.words import ago_words

#: As many tiles as people can read on a screen of 1,920 by 1,080 pixels; compressed, they are about 5 kB.
TILES_MOST: Final = 144
#: The class for up to this many tiles; the style sheet sets how many of them stand side by side.
_SIZES: Final = ((12, "tiles12"), (30, "tiles30"), (72, "tiles72"), (TILES_MOST, "tiles144"))
#: Maximum incidents shown that nobody has acknowledged, the newest first.
NEWS_MOST: Final = 3
#: Seconds after which the page reloads where scripts are off; its text says twice a minute.
RELOAD_S: Final = 30


@dataclass(frozen=True, slots=True)
class WallTile:
    """One station on the wall. `more`: what its state alone does not say; `by`: who acknowledged its incidents."""

    serial: str
    name: str
    state: str
    word: str | Promise
    more: str
    by: str


@dataclass(frozen=True, slots=True)
class WallNews:
    """An incident that nobody has acknowledged, and the name of its station."""

    view: IncidentView
    name: str


@page
@require_safe
def wall(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The wall. The URL chooses stations like that of the fleet page: by text, state, site, tag and so on."""
    moment, narrowing = clock.now(), narrowing_read(request.GET)
    choices = choices_read(viewer, narrowing)
    stations = fleet_list(viewer=viewer, **narrowing.filters)
    totals = fleet_totals(stations)
    shown = fleet_narrow(stations, narrowing.state)
    # Chosen first, so that details are only computed for those that have a tile.
    numbers = list(shown.values_list("pk", flat=True)[:TILES_MOST])
    found = shown.in_bulk(numbers)
    tiles = _tiles([found[number] for number in numbers if number in found], moment)
    news = _news(viewer, shown, narrowing)
    context = {
        **fleet_verdict(totals, narrowing, choices),
        "totals": totals,
        "narrowing": narrowing,
        "tiles": tiles,
        "size": next(name for most, name in _SIZES if len(tiles) <= most),
        "left_out": totals.of(narrowing.state) - len(tiles),
        "left_out_words": _left_out(totals, narrowing, tiles),
        "news_number": news.count(),
        "news": [_new(one) for one in news[:NEWS_MOST]],
        "moment": moment,
        "reload_s": RELOAD_S,
    }
    part = "wall_live" if request.headers.get("HX-Request") else "wall"
    return render(request, f"sg_status/fleet/{part}.html", context)


def _news(viewer: Viewer, shown: QuerySet[Station], narrowing: Narrowing) -> QuerySet[Incident]:
    """The open incidents of the chosen stations that nobody has acknowledged, the newest first."""
    news = incident_list(viewer=viewer, state=Incident.State.OPEN)
    return news.filter(station__in=shown.order_by().values("pk")) if narrowing.is_any else news


def _new(incident: Incident) -> WallNews:
    station = incident.station
    return WallNews(IncidentView(incident, incident.said(is_over=False)), station.name or station.serial)


def _tiles(stations: Sequence[Station], moment: datetime) -> list[WallTile]:
    """The tiles of these stations of `fleet_list`; one query."""
    incidents = incidents_by_station(stations=stations)
    return [_tile(station, incidents.get(station.pk, []), moment) for station in stations]


def _tile(station: Station, incidents: list[Incident], moment: datetime) -> WallTile:
    state = fleet_state(station)
    causes = [rule_word(one) for one in incidents if one.rule != SILENCE]
    is_named = state == CHECK and bool(causes)
    told = [_since(station, state, moment), *(str(cause) for cause in causes[1 if is_named else 0 :])]
    return WallTile(
        serial=station.serial,
        name=station.name or station.serial,
        state=state,
        word=causes[0] if is_named else fleet_state_word(state),
        more=", ".join(words for words in told if words),
        by=_by(incidents),
    )


def _since(station: Station, state: str, moment: datetime) -> str:
    """When the station was last heard; if it sleeps by plan or is in maintenance, until when."""
    contact = contact_of(station)
    if state == "asleep" and station.asleep_until is not None:
        return _("until %(moment)s") % {"moment": moment_words(station.asleep_until, moment)}
    if state == "maintenance" and station.maintenance_until is not None:
        return _("until %(moment)s") % {"moment": moment_words(station.maintenance_until, moment)}
    last = contact.last_contact_at if contact else None
    if last is None:
        return ""
    return duration_words((moment - last).total_seconds()) if state in ("silent", "late") else ago_words(last, moment)


def _by(incidents: Sequence[Incident]) -> str:
    """The person who acknowledged the oldest of these incidents; empty while any is unacknowledged."""
    if not incidents or any(one.state == Incident.State.OPEN for one in incidents):
        return ""
    return incidents[0].acknowledged_by_name


def _left_out(totals: FleetTotals, narrowing: Narrowing, tiles: Sequence[WallTile]) -> str:
    """The states of the stations without a tile: `31 on time, 4 asleep by plan`."""
    if narrowing.state:
        return ""
    numbers = {state: number for state, number in totals.states.items() if state != "retired"}
    for tile in tiles:
        numbers[tile.state] -= 1
    return ", ".join(
        f"{count_words(number)} {fleet_state_word(state)}" for state, number in numbers.items() if number > 0
    )


urlpatterns = [path("wall/", wall, name="wall")]
