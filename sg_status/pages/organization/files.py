"""The stored files of all stations of an organization, and how much of its quota they take."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from fleet.files.store.quota import store_use
from fleet.files.store.selectors import organization_revisions, revisions_chosen
from fleet.files.store.zips import FILES_MOST
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_find
from sg_status.access import page
from sg_status.files.search import search_of
from sg_status.files.zip_answer import LIMITS, ids_posted, zip_answer
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 100


@page
@require_safe
def organization_files(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The stored files, newest first; station, search and the position in the list are in the URL."""
    found = organization_find(viewer=viewer, slug=slug)
    serial = request.GET.get("station", "")[:64].strip()
    before = request.GET.get("before", "")
    search = search_of(request)
    rows = list(
        organization_revisions(
            organization=found,
            serial=serial,
            search=search,
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        )[: PAGE_SIZE + 1]
    )
    context = {
        "rows": rows[:PAGE_SIZE],
        "older_than": rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None,
        "is_later": bool(before),
        "serial": serial,
        "search": search,
        "limits": LIMITS,
        "use": store_use(organization_id=found.pk),
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/files.html", context, tab="organization-files"
    )


@page
@require_POST
def organization_files_zip(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponseBase:
    """Download the selected files, or all that were found, as one zip."""
    found = organization_find(viewer=viewer, slug=slug)
    if request.POST.get("all"):
        serial = request.GET.get("station", "")[:64].strip()
        rows = organization_revisions(organization=found, serial=serial, search=search_of(request))
        chosen = list(rows[: FILES_MOST + 1])
    else:
        chosen = revisions_chosen(owner=found, revision_ids=ids_posted(request))
    return zip_answer(request, viewer, found, chosen, back=reverse("organization-files", args=[found.slug]))


_BASE = "organizations/<organization:slug>/files/"

urlpatterns = [
    path(_BASE, organization_files, name="organization-files"),
    path(f"{_BASE}zip/", organization_files_zip, name="organization-files-zip"),
]
