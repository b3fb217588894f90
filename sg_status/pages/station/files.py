"""A station's own files: what arrived of each, what did not and why, and moving them to the right station."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import DomainError, NotFound
from fleet.files.models import StationFile
from fleet.files.selectors import file_list, files_get
from fleet.ingest.corrections.file_moves import (
    FILES_MOST,
    file_move,
    file_move_get,
    file_move_list,
    file_move_preview,
    file_move_undo,
)
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from fleet.telemetry.file_summary import file_summary
from sg_status.access import act, page
from sg_status.files.keyset import counted, keyset_page
from sg_status.pages.station.file_words import figure_headings, file_sentences, state_words
from sg_status.pages.station.frame import station_of, station_render

PAGE_SIZE = 100
MOVES_SHOWN = 10


@page
@require_safe
def station_files(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Every file, most recently reported first; state, search and position are in the URL."""
    station, words = station_of(viewer, serial), state_words()
    state = request.GET.get("state")
    state = state if state in words else None
    search = request.GET.get("q", "")[:100]
    rows = file_list(station=station, state=state, search=search)
    summary = file_summary(station=station)
    context = {
        "page": keyset_page(rows, keys=("last_received_at", "id"), after=request.GET.get("after", ""), size=PAGE_SIZE),
        "count": counted(rows),
        "states": words,
        "headings": [*figure_headings(), _("Rows here")],
        "asked": state,
        "search": search,
        "summary": summary,
        "sentences": file_sentences(summary),
        "moves": file_move_list(station=station)[:MOVES_SHOWN],
    }
    return station_render(request, viewer, station, "sg_status/station/files.html", context, tab="station-files")


@page
@require_POST
def station_files_move(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Preview moving the chosen files; do it once confirmed."""
    station = station_of(viewer, serial)
    viewer.require(Membership.Role.OPERATOR, station=station, to=_("move files of %(serial)s"))
    try:
        files, target = _selected_of(viewer, station, request.POST)
        if request.POST.get("confirmed") == "yes":
            move = file_move(actor=viewer, station=station, target=target, files=files)
            done = _("%(rows)d rows from %(files)d files now belong to %(serial)s.")
            messages.success(request, done % {"rows": move.rows, "files": move.files, "serial": target.serial})
            return redirect("station-files", serial=station.serial)
        preview = file_move_preview(actor=viewer, station=station, target=target, files=files)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("station-files", serial=station.serial)
    context = {"files": files, "target": target, "preview": preview}
    return station_render(request, viewer, station, "sg_status/station/files_move.html", context, tab="station-files")


@page
@require_POST
def station_files_undo(request: HttpRequest, viewer: Viewer, serial: str, move_id: int) -> HttpResponse:
    """Undo a move of files."""
    station = station_of(viewer, serial)
    move = file_move_get(station=station, move_id=move_id)
    act(
        request,
        lambda: file_move_undo(actor=viewer, move=move),
        done=_("The files are back at their previous station."),
    )
    return redirect("station-files", serial=station.serial)


def _selected_of(viewer: Viewer, station: Station, posted: QueryDict) -> tuple[list[StationFile], Station]:
    """The selected files, and their target station."""
    ids = [int(each) for each in posted.getlist("file")[: FILES_MOST + 1] if each.isascii() and each.isdigit()]
    serial = posted.get("to", "").strip()[:64]
    if not serial:
        raise NotFound(_("Enter the station that the files belong to."))
    return files_get(station=station, file_ids=[each for each in ids if each < 2**63]), station_get(
        viewer=viewer, serial=serial
    )


_BASE = "stations/<serial:serial>/files/"

urlpatterns = [
    path(_BASE, station_files, name="station-files"),
    path(f"{_BASE}move/", station_files_move, name="station-files-move"),
    path(f"{_BASE}moves/<int:move_id>/undo/", station_files_undo, name="station-files-undo"),
]
