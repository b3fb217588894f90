"""The page that shows an enrolment token once, with the exact line to type at the station."""

import shlex

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from fleet.core.spoken import duration_words
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.station_frame import station_render


def enrolment_render(request: HttpRequest, viewer: Viewer, station: Station, token: str) -> HttpResponse:
    """Token and command line; nothing between here and the browser may keep them."""
    words = ["station-agent", "enrol", "--server", settings.SITE_URL, "--serial", station.serial, "--token", token]
    context = {
        "token": token,
        "line": shlex.join(words),
        "life": duration_words(settings.ROOST_ENROLMENT_TOKEN_LIFE.total_seconds()),
    }
    response = station_render(request, viewer, station, "sg_status/station_token.html", context, tab="station-settings")
    response.headers["Cache-Control"] = "no-store"
    return response
