"""One stored file: what it is, who stored it and when, its hashes and revisions, what is in it, and a sheet as CSV."""

from http import HTTPStatus

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.core.csv_file import csv_response
from fleet.core.errors import InvalidInput, TooMany
from fleet.files.looking.beginning import SHA1_MOST, sha1_read
from fleet.files.looking.editing import text_may_be_edited
from fleet.files.looking.previews import Size, preview_file
from fleet.files.looking.sheets import sheet_csv
from fleet.files.store.away import StoreAway
from fleet.files.store.models import FileRevision
from fleet.files.store.selectors import revision_find, revisions_of_file
from fleet.organizations.access import Role, Viewer
from sg_status.access import page
from sg_status.files.look import look_of, sheet_asked
from sg_status.pages.station.frame import station_of, station_render

REVISIONS_SHOWN = 50


@page
@require_safe
def station_stored_look(request: HttpRequest, viewer: Viewer, serial: str, revision_id: int) -> HttpResponse:
    """The file; `sort` and `plot` in the URL are columns of its table."""
    station = station_of(viewer, serial)
    revision = revision_find(station=station, revision_id=revision_id)
    context = {
        "revision": revision,
        "name": revision.file.path.rpartition("/")[2],
        "sha1": _sha1(revision),
        "sha1_most": SHA1_MOST,
        "revisions": revisions_of_file(revision.file)[:REVISIONS_SHOWN],
        "look": look_of(revision, request.GET.dict()),
        "may_edit": viewer.may_station(Role.OPERATOR, station) and text_may_be_edited(revision),
    }
    return station_render(request, viewer, station, "sg_status/station/stored_look.html", context, tab="station-files")


@page
@require_safe
def station_stored_sheet(request: HttpRequest, viewer: Viewer, serial: str, revision_id: int) -> HttpResponseBase:
    """A sheet of a spreadsheet as CSV, the first or `sheet`; a refusal becomes a message on the file's page."""
    station = station_of(viewer, serial)
    revision = revision_find(station=station, revision_id=revision_id)
    try:
        name, head, rows = sheet_csv(revision, sheet=sheet_asked(request.GET.dict()))
    except (InvalidInput, TooMany) as error:
        messages.error(request, str(error))
        return redirect("station-stored-look", serial=station.serial, revision_id=revision.pk)
    return csv_response(request, name=name, head=head, rows=rows)


@page
@require_safe
def station_stored_picture(
    request: HttpRequest, viewer: Viewer, serial: str, revision_id: int, size: Size
) -> HttpResponseBase:
    """A stored picture as a JPEG that Roost made, whole or small."""
    revision = revision_find(station=station_of(viewer, serial), revision_id=revision_id)
    try:
        opened = preview_file(revision.content, size).open("rb")
    except FileNotFoundError:
        reason = _("The bytes of this file are missing on the server: upload it again.")
        return render(request, "404.html", {"reason": reason}, status=HTTPStatus.NOT_FOUND)
    except InvalidInput as error:
        return render(request, "404.html", {"reason": str(error)}, status=HTTPStatus.NOT_FOUND)
    except TooMany as error:
        return render(request, "503.html", {"reason": str(error)}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(opened, content_type="image/jpeg", filename=f"{revision.content.sha256}.jpg", headers=headers)


def _sha1(revision: FileRevision) -> str:
    """The SHA-1; empty for a large file, or if it cannot be read now, which the page says below."""
    try:
        return sha1_read(revision.content)
    except (FileNotFoundError, StoreAway):
        return ""


_BASE = "stations/<serial:serial>/files/stored/<int:revision_id>/"

urlpatterns = [
    path(f"{_BASE}look/", station_stored_look, name="station-stored-look"),
    path(f"{_BASE}sheet.csv", station_stored_sheet, name="station-stored-sheet"),
    path(f"{_BASE}picture/", station_stored_picture, {"size": "whole"}, name="station-stored-picture"),
    path(f"{_BASE}picture/small/", station_stored_picture, {"size": "small"}, name="station-stored-small"),
]
