"""The page that shows an enrolment token once, with the exact command to type at the station or at the desk."""

import shlex

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fleet.core.spoken import duration_words
from fleet.organizations.access import Viewer
from fleet.stations.models import LoginPurpose, Station
from sg_status.pages.station.frame import station_render
from sg_status.pages.station.joining import joining_context


def enrolment_line(station: Station, token: str, purpose: LoginPurpose) -> str:
    """The command to type at the station or at the desk once the agent is installed there."""
    words = ["station-agent", "enrol", "--server", settings.SITE_URL, "--serial", station.serial, "--token", token]
    if purpose == LoginPurpose.UPLOAD:
        # A separate file per station: the desk may read the cards of many stations.
        words += ["--for-upload", "--config", f"{station.serial}.toml"]
    return shlex.join(words)


def enrolment_render(
    request: HttpRequest,
    viewer: Viewer,
    station: Station,
    token: str,
    *,
    purpose: LoginPurpose = LoginPurpose.STATION,
    warning: str = "",
) -> HttpResponse:
    """Show token and command; nothing between here and the browser may cache them."""
    context = {
        "token": token,
        "enrol": enrolment_line(station, token, purpose),
        "warning": warning,
        "life": duration_words(settings.ROOST_ENROLMENT_TOKEN_LIFE.total_seconds()),
    }
    if purpose == LoginPurpose.STATION:
        shown = {**joining_context(viewer, station, token=token), **context}
        response = render(request, "sg_status/joining/joining.html", shown)
    else:
        context["replay"] = f"station-agent replay SGdata --config {shlex.quote(station.serial + '.toml')}"
        response = station_render(
            request, viewer, station, "sg_status/station/token_shown.html", context, tab="station-settings"
        )
    response.headers["Cache-Control"] = "no-store"
    return response
