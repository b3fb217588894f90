"""The files that a station, a desk or a browser uploaded: what is stored, what is arriving, adding and downloading."""

from collections import Counter
from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.spoken import count_words
from fleet.files.looking.beginning import FileKind, kind_of
from fleet.files.store.contents import content_length, content_open
from fleet.files.store.models import StoredContent, Upload
from fleet.files.store.selectors import revision_find, revision_list, revisions_chosen, upload_list
from fleet.files.store.uploads import UploadSender, upload_offset
from fleet.files.store.whole import FileFate, file_take
from fleet.files.store.zips import FILES_MOST
from fleet.organizations.access import Role, Viewer
from fleet.organizations.people import person_has_tiles, person_tiles_set
from fleet.stations.models import Station
from sg_status.access import page
from sg_status.files.keyset import counted, keyset_page
from sg_status.files.search import search_of
from sg_status.files.zip_answer import LIMITS, ids_posted, zip_answer
from sg_status.pages.station.frame import station_of, station_render
from sg_status.pages.station.upload_words import fate_words, upload_words
from sg_status.range_answer import range_answer

PAGE_SIZE = 100
UPLOADS_SHOWN, REFUSED_SHOWN = 20, 50


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_stored(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: stored files in descending order of path; search and position are in the URL. POST: store the form's files.

    Where scripts run, the browser sends files to the API instead (`web/static/upload.js`).
    """
    station = station_of(viewer, serial)
    fates = _take_files(request, viewer, station) if request.method == "POST" else []
    search = search_of(request)
    rows = revision_list(station=station, search=search)
    arriving = upload_list(station=station, state=Upload.State.OPEN)
    refused = upload_list(station=station, state=Upload.State.REFUSED)
    found = keyset_page(rows, keys=("file__path", "number"), after=request.GET.get("after", ""), size=PAGE_SIZE)
    context = {
        "page": found,
        "tiles": [(one, kind_of(one.file.path) is FileKind.PICTURE) for one in found.rows],
        "has_tiles": isinstance(request.user, User) and person_has_tiles(user=request.user),
        "count": counted(rows),
        "search": search,
        "limits": LIMITS,
        "uploads": [(upload, upload_offset(upload)) for upload in arriving[:UPLOADS_SHOWN]],
        "arriving": arriving.count(),
        **_refused_list(refused),
        "may_upload": viewer.may_station(Role.OPERATOR, station),
        "upload_words": upload_words(),
        "fates": [(one, fate_words()[one.fate]) for one in fates],
        "counts": [(words, Counter(one.fate for one in fates)[fate]) for fate, words in fate_words().items()],
    }
    return station_render(request, viewer, station, "sg_status/station/stored.html", context, tab="station-files")


def _refused_list(refused: QuerySet[Upload]) -> dict[str, object]:
    """The newest refused uploads, and how many there are, in words too."""
    shown, in_all = list(refused[:REFUSED_SHOWN]), refused.count()
    return {
        "refused": shown,
        "refused_in_all": in_all,
        "refused_words": count_words(in_all),
        "refused_shown": count_words(len(shown)),
    }


@page
@require_safe
def station_stored_file(request: HttpRequest, viewer: Viewer, serial: str, revision_id: int) -> HttpResponseBase:
    """Download a stored file, or a range of it; a damaged one only if the request says `damaged=1`."""
    station = station_of(viewer, serial)
    revision = revision_find(station=station, revision_id=revision_id)
    content = revision.content
    is_damaged = content.state != StoredContent.State.KEPT
    if is_damaged and request.GET.get("damaged") != "1":
        context = {"station": station, "revision": revision}
        return render(request, "sg_status/station/stored_damaged.html", context, status=HTTPStatus.CONFLICT)
    try:
        opened = content_open(content)
    except FileNotFoundError:
        reason = _("The bytes of this file are missing on the server: upload it again.")
        return render(request, "404.html", {"reason": reason}, status=HTTPStatus.NOT_FOUND)
    name = revision.file.path.rpartition("/")[2]
    if is_damaged:
        return range_answer(request, opened, size=content_length(content), name=f"damaged-{name}", tag="")
    return range_answer(request, opened, size=content.octets, name=name, tag=content.sha256)


@page
@require_POST
def station_stored_zip(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponseBase:
    """Download the selected files, or all that were found, as one zip."""
    station = station_of(viewer, serial)
    if request.POST.get("all"):
        found = list(revision_list(station=station, search=search_of(request))[: FILES_MOST + 1])
    else:
        found = revisions_chosen(owner=station, revision_ids=ids_posted(request))
    return zip_answer(request, viewer, station, found, back=reverse("station-stored", args=[station.serial]))


@page
@require_POST
def station_stored_view(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Show lists of files as tiles, or as rows, from now on."""
    station = station_of(viewer, serial)
    if isinstance(request.user, User):
        person_tiles_set(user=request.user, has_tiles=request.POST.get("view") == "tiles")
    return redirect("station-stored", serial=station.serial)


def _take_files(request: HttpRequest, viewer: Viewer, station: Station) -> list[FileFate]:
    """Store the files of the form one by one; return the outcome of each."""
    viewer.require(Role.OPERATOR, station=station, to=_("upload files of %(serial)s"))
    files, folder = request.FILES.getlist("files"), request.POST.get("folder", "")
    if not files:
        messages.error(request, _("No file selected. Select the files first."))
    # The same key as in the API, so that a person's unfinished uploads are counted together.
    sender = UploadSender(key=f"person:{request.user.pk}", name=viewer.name, viewer=viewer)
    return [
        file_take(sender=sender, serial=station.serial, path=f"{folder}/{one.name}".lstrip("/"), opened=one)
        for one in files
    ]


_BASE = "stations/<serial:serial>/files/stored/"

urlpatterns = [
    path(_BASE, station_stored, name="station-stored"),
    path(f"{_BASE}view/", station_stored_view, name="station-stored-view"),
    path(f"{_BASE}zip/", station_stored_zip, name="station-stored-zip"),
    path(f"{_BASE}<int:revision_id>/", station_stored_file, name="station-stored-file"),
]
