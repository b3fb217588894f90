"""The page of a joining station: what to run on it, and what is missing; it turns green with the first report."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.organizations.access import Role, Viewer
from fleet.stations.contact.sentences import station_shown
from fleet.stations.joining.agent_install import install_line
from fleet.stations.joining.progress import joining_progress
from fleet.stations.models import Station
from sg_status.access import page
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.frame import station_of


@page
@require_safe
def station_joining(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The steps and their progress; only the last step for the page's script. The token is not shown again."""
    station = station_of(viewer, serial)
    name = "step" if request.headers.get("HX-Request") else "joining"
    return render(request, f"sg_status/joining/{name}.html", joining_context(viewer, station))


def joining_context(viewer: Viewer, station: Station, *, token: str = "") -> dict[str, Any]:
    """Context of the page. With `token`, for the one answer that shows the token."""
    address = reverse("station-joining", args=[station.serial])
    return {
        "station": station,
        "shown": station_shown(station, contact_of(station), clock.now()),
        "progress": joining_progress(station=station),
        "may_operate": viewer.may_station(Role.OPERATOR, station),
        "token": token,
        "line": install_line("enrol", "--serial", station.serial, "--token", token) if token else "",
        "address": address,
        "whole_address": f"{settings.SITE_URL}{address}",
    }


urlpatterns = [path("stations/<serial:serial>/joining/", station_joining, name="station-joining")]
