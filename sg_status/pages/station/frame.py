"""Shared parts of a station's pages: the heading with its sentence, and the tabs, each with its own URL."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import register_converter, reverse
from django.urls.converters import StringConverter
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.core import clock
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.contact.health_marks import marks_of
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from sg_status.pages.station.contact import contact_of
from sg_status.tabs import Tab

TABS: Final[tuple[tuple[str, Promise], ...]] = (
    ("station", _("Overview")),
    ("station-data", _("Data")),
    ("station-detections", _("Detections")),
    ("station-commands", _("Commands")),
    ("station-events", _("Events")),
    ("station-deliveries", _("Deliveries")),
    ("station-files", _("Files")),
    ("station-positions", _("Positions")),
    ("station-deployments", _("Places")),
    ("station-notes", _("Notes")),
    ("station-settings", _("Settings")),
)


class SerialConverter(StringConverter):
    """A serial in a URL; `add` and similar words are pages of their own."""

    regex = r"(?!(?:add|import|accept|claim)/)[^/]{1,64}"


register_converter(SerialConverter, "serial")


def station_of(viewer: Viewer, serial: str) -> Station:
    """The station in a URL; raises `NotFound`, which becomes 404."""
    return station_get(viewer=viewer, serial=serial)


def station_render(
    request: HttpRequest, viewer: Viewer, station: Station, template: str, context: dict[str, Any], *, tab: str
) -> HttpResponse:
    """Render a page of a station, or only its live part if the page's script asks for it."""
    moment = clock.now()
    contact = contact_of(station)
    shown = station_shown(station, contact, moment)
    marks = marks_of(contact)
    is_part = bool(request.headers.get("HX-Request"))
    frame = {
        "frame": "sg_status/station/part.html" if is_part else "sg_status/station/page.html",
        "station": station,
        "contact": contact,
        "shown": shown,
        "marks": marks,
        # A station that is on time can still have a fault that the heading should name.
        "remark": marks[0].word if shown.state == "on_time" and marks and marks[0].is_bad else "",
        "has_chart": False,
        "timezone": station.organization.timezone,
        "tabs": [Tab(label, reverse(name, args=[station.serial]), name == tab) for name, label in TABS],
        "may_operate": viewer.may(Membership.Role.OPERATOR, station.organization_id),
        "may_own": viewer.may(Membership.Role.OWNER, station.organization_id),
        "moment": moment,
    }
    return render(request, template, {**frame, **context})
