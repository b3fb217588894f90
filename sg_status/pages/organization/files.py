"""The stored files of all stations of an organization, and how much of its quota they take."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from fleet.files.store.quota import store_use
from fleet.files.store.selectors import organization_revisions
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_find
from sg_status.access import page
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 100


@page
@require_safe
def organization_files(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The last stored first; station, search and the step to older ones are in the URL."""
    found = organization_find(viewer=viewer, slug=slug)
    serial, search = request.GET.get("station", "")[:64].strip(), request.GET.get("q", "")[:100].strip()
    before = request.GET.get("before", "")
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
        "use": store_use(organization_id=found.pk),
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/files.html", context, tab="organization-files"
    )


urlpatterns = [path("organizations/<organization:slug>/files/", organization_files, name="organization-files")]
