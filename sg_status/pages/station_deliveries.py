"""The delivery ledger of a station: what came home by number, what is still there, what is lost."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.ingest.quarantine import quarantine_list
from fleet.organizations.access import Viewer
from fleet.telemetry.selectors import ledger_summary
from sg_status.access import page
from sg_status.station_frame import station_of, station_render


@page
@require_safe
def station_deliveries(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """All numbers of the ledger."""
    station = station_of(viewer, serial)
    context = {
        "ledger": ledger_summary(station=station),
        "quarantined": quarantine_list(viewer=viewer, station=station.serial).count(),
    }
    return station_render(
        request, viewer, station, "sg_status/station_deliveries.html", context, tab="station-deliveries"
    )


urlpatterns = [path("stations/<serial:serial>/deliveries/", station_deliveries, name="station-deliveries")]
