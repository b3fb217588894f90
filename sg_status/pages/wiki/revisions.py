"""The revisions of an organization's page: who changed it and when, what changed, and restoring one."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.organizations.access import Role, Viewer
from fleet.organizations.selectors import organization_find
from fleet.wiki.selectors import page_find, revision_find, revision_list
from fleet.wiki.services import REVISIONS_MOST, page_change_check, page_restore
from sg_status.access import act, page
from sg_status.pages.organization.frame import organization_render
from sg_status.wiki.showing import difference_html, page_html

PAGE_SIZE = 50


@page
@require_safe
def wiki_history(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str) -> HttpResponse:
    """The revisions that are kept, the newest first."""
    found = organization_find(viewer=viewer, slug=slug)
    one = page_find(organization=found, slug=page_slug)
    pages = Paginator(revision_list(page=one), PAGE_SIZE).get_page(request.GET.get("page"))
    # Revision numbers have no gaps, so the newest one tells how many were removed.
    context = {
        "page": one,
        "pages": pages,
        "rows": pages.object_list,
        "removed": max(one.number - REVISIONS_MOST, 0),
        "most": REVISIONS_MOST,
    }
    return organization_render(request, viewer, found, "sg_status/wiki/history.html", context, tab="wiki-pages")


@page
@require_safe
def wiki_revision(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str, number: int) -> HttpResponse:
    """The page as it was, and what differs from the revision before."""
    found = organization_find(viewer=viewer, slug=slug)
    one = page_find(organization=found, slug=page_slug)
    revision = revision_find(page=one, number=number)
    before = revision_list(page=one).filter(number=number - 1).first()
    context: dict[str, Any] = {
        "page": one,
        "revision": revision,
        "before": before,
        "lines": difference_html(before.text, revision.text) if before else [],
        "html": page_html(organization=found, text=revision.text, is_public=False, below=2),
        "may_write": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/wiki/revision.html", context, tab="wiki-pages")


@page
@require_POST
def wiki_restore(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str, number: int) -> HttpResponse:
    """Give the page the title and text of this revision, as a new revision."""
    found = organization_find(viewer=viewer, slug=slug)
    one = page_find(organization=found, slug=page_slug)
    page_change_check(actor=viewer, organization=found)
    revision = revision_find(page=one, number=number)
    # The text that it replaces stays as a revision.
    act(
        request,
        lambda: page_restore(actor=viewer, page=one, revision=revision, based_on=one.number),
        done=_("Revision %(number)d is restored.") % {"number": number},
    )
    return redirect("wiki-page", found.slug, one.slug)


_BASE = "organizations/<organization:slug>/pages/<slug:page_slug>/revisions/"
urlpatterns = [
    path(_BASE, wiki_history, name="wiki-history"),
    path(f"{_BASE}<int:number>/", wiki_revision, name="wiki-revision"),
    path(f"{_BASE}<int:number>/restore/", wiki_restore, name="wiki-restore"),
]
