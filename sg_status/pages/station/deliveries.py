"""The delivery ledger of a station: message numbers that arrived, are still there, are lost or are disputed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.core import clock
from fleet.ingest.corrections.branches import branch_settle
from fleet.ingest.quarantine import quarantine_list
from fleet.organizations.access import Viewer
from fleet.telemetry.condition.backlog import backlog_of
from fleet.telemetry.keeping.tallies import station_away
from fleet.telemetry.ledger import ledger_summary
from fleet.telemetry.models import StreamLedger
from fleet.telemetry.streams import branch_get, branch_list, stream_change
from sg_status.access import act, page
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.file_words import file_sentences
from sg_status.pages.station.frame import station_of, station_render


@page
@require_safe
def station_deliveries(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """All message numbers in the ledger."""
    station, moment = station_of(viewer, serial), clock.now()
    ledger = ledger_summary(station=station)
    streams = [(stream.stream, stream.first_at) for stream in ledger.streams]
    context = {
        "ledger": ledger,
        "away": station_away(station),
        "backlog": backlog_of(station=station, contact=contact_of(station), moment=moment),
        "change": stream_change(station=station, streams=streams, moment=moment),
        "branches": branch_list(station=station, moment=moment),
        "file_sentences": file_sentences(ledger.file_summary),
        "quarantined": quarantine_list(viewer=viewer, station=station.serial).count(),
    }
    return station_render(
        request, viewer, station, "sg_status/station/deliveries.html", context, tab="station-deliveries"
    )


@page
@require_POST
def station_branch_settle(request: HttpRequest, viewer: Viewer, serial: str, branch_id: int) -> HttpResponse:
    """Keep a branch as the station's own, or discard it."""
    station = station_of(viewer, serial)
    ledger = branch_get(station=station, branch_id=branch_id)
    is_believed = request.POST.get("decision") == "believe"
    decision = StreamLedger.Branch.BELIEVED if is_believed else StreamLedger.Branch.DISCARDED
    done = (
        _("Decided: its messages are being stored as this station's.")
        if is_believed
        else _("Decided: its messages are being discarded. You can still read them on the page “Held back”.")
    )
    act(request, lambda: branch_settle(viewer=viewer, ledger=ledger, decision=decision), done=done)
    return redirect("station-deliveries", serial)


urlpatterns = [
    path("stations/<serial:serial>/deliveries/", station_deliveries, name="station-deliveries"),
    path(
        "stations/<serial:serial>/deliveries/branches/<int:branch_id>/",
        station_branch_settle,
        name="station-branch-settle",
    ),
]
