"""The files that a station or a desk uploaded: what is stored, what is arriving, and downloading one."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from fleet.core.errors import NotFound
from fleet.files.store.contents import content_open
from fleet.files.store.selectors import revision_find, revision_list, upload_list
from fleet.files.store.uploads import upload_offset
from fleet.organizations.access import Viewer
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render
from sg_status.range_answer import range_answer

PAGE_SIZE = 100
UPLOADS_SHOWN = 20


@page
@require_safe
def station_stored(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Every stored file, the last path first; search and page are in the URL."""
    station = station_of(viewer, serial)
    search = request.GET.get("q", "")[:100]
    rows = revision_list(station=station, search=search)
    context = {
        "pages": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "search": search,
        "uploads": [(upload, upload_offset(upload)) for upload in upload_list(station=station)[:UPLOADS_SHOWN]],
    }
    return station_render(request, viewer, station, "sg_status/station/stored.html", context, tab="station-files")


@page
@require_safe
def station_stored_file(request: HttpRequest, viewer: Viewer, serial: str, revision_id: int) -> HttpResponseBase:
    """Download a stored file, or a range of it."""
    revision = revision_find(station=station_of(viewer, serial), revision_id=revision_id)
    content = revision.content
    try:
        opened = content_open(content)
    except FileNotFoundError as error:
        raise NotFound(_("The bytes of this file are missing on the server: upload it again.")) from error
    name = revision.file.path.rpartition("/")[2]
    return range_answer(request, opened, size=content.octets, name=name, tag=content.sha256)


_BASE = "stations/<serial:serial>/files/stored/"

urlpatterns = [
    path(_BASE, station_stored, name="station-stored"),
    path(f"{_BASE}<int:revision_id>/", station_stored_file, name="station-stored-file"),
]
