"""The pages of an organization: the list, and a new one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from fleet.core.errors import DomainError, Forbidden
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.wiki.models import WikiPage
from fleet.wiki.selectors import page_list
from fleet.wiki.services import PAGES_MOST, REVISIONS_MOST, TEXT_MOST, page_change_check, page_create
from sg_status.access import page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.wiki.forms import WikiForm
from sg_status.wiki.showing import page_html

#: Limits shown beside the form.
LIMITS = {"characters": TEXT_MOST, "pages": PAGES_MOST, "revisions": REVISIONS_MOST}


@page
@require_safe
def wiki_pages(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The pages in their order."""
    found = organization_find(viewer=viewer, slug=slug)
    rows = list(page_list(organization=found))
    context = {
        "rows": rows,
        "is_any_public": any(one.is_public for one in rows),
        "may_write": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/wiki/list.html", context, tab="wiki-pages")


@page
@require_http_methods(["GET", "HEAD", "POST"])
def wiki_add(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the form. POST: show how it will look, or save it."""
    found = organization_find(viewer=viewer, slug=slug)
    page_change_check(actor=viewer, organization=found)
    form = WikiForm(request.POST if request.method == "POST" else None, initial={"position": 0})
    preview = None
    if form.is_bound and form.is_valid():
        if request.POST.get("do") == "preview":
            preview = page_html(organization=found, text=form.asked().text, is_public=False, below=2)
        elif made := _create(request, viewer, found, form):
            return redirect("wiki-page", found.slug, made.slug)
    context = {"form": form, "preview": preview, "limits": LIMITS}
    return organization_render(request, viewer, found, "sg_status/wiki/form.html", context, tab="wiki-pages")


def _create(request: HttpRequest, viewer: Viewer, found: Organization, form: WikiForm) -> WikiPage | None:
    try:
        made = page_create(actor=viewer, organization=found, asked=form.asked())
    except Forbidden:
        raise
    except DomainError as error:
        refusal_show(form, error)
        return None
    messages.success(request, _("The page is saved."))
    return made


urlpatterns = [
    path("organizations/<organization:slug>/pages/", wiki_pages, name="wiki-pages"),
    path("organizations/<organization:slug>/pages/add/", wiki_add, name="wiki-add"),
]
