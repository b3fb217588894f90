"""One page of an organization: reading, writing and removing it."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.wiki.models import WikiPage
from fleet.wiki.selectors import page_find, revision_find, revision_newest
from fleet.wiki.services import PageChanged, page_change_check, page_remove, page_write
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.wiki.forms import WikiForm
from sg_status.pages.wiki.list import LIMITS
from sg_status.wiki.showing import difference_html, page_html, pictures_hidden


@page
@require_safe
def wiki_page(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str) -> HttpResponse:
    """The page as members see it."""
    found = organization_find(viewer=viewer, slug=slug)
    one = page_find(organization=found, slug=page_slug)
    text = revision_newest(one).text
    context = {
        "page": one,
        "html": page_html(organization=found, text=text, is_public=False, below=2),
        "hidden": pictures_hidden(organization=found, text=text) if one.is_public else [],
        "may_write": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/wiki/page.html", context, tab="wiki-pages")


@page
@require_http_methods(["GET", "HEAD", "POST"])
def wiki_edit(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str) -> HttpResponse:
    """GET: the form. POST: show how it will look, or save it; if somebody was quicker, show both texts."""
    found = organization_find(viewer=viewer, slug=slug)
    try:
        one = page_find(organization=found, slug=page_slug)
    except NotFound:
        if request.method != "POST":
            raise
        return _gone(request, viewer, found)
    page_change_check(actor=viewer, organization=found)
    form = WikiForm.of(one, revision_newest(one), request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"page": one, "form": form, "limits": LIMITS}
    if form.is_bound and form.is_valid():
        if request.POST.get("do") == "preview":
            context["preview"] = page_html(organization=found, text=form.asked().text, is_public=False, below=2)
        else:
            try:
                saved = page_write(
                    actor=viewer, page=one, asked=form.asked(), based_on=form.cleaned_data["number"] or 0
                )
            except (Forbidden, NotFound):
                raise
            except PageChanged as error:
                context["conflict"] = _conflict(form, one, str(error))
            except DomainError as error:
                refusal_show(form, error)
            else:
                messages.success(request, _("The page is saved."))
                return redirect("wiki-page", found.slug, saved.slug)
    return organization_render(request, viewer, found, "sg_status/wiki/form.html", context, tab="wiki-pages")


@page
@require_POST
def wiki_remove(request: HttpRequest, viewer: Viewer, slug: str, page_slug: str) -> HttpResponse:
    """Remove the page with its revisions."""
    found = organization_find(viewer=viewer, slug=slug)
    one = page_find(organization=found, slug=page_slug)
    act(request, lambda: page_remove(actor=viewer, page=one), done=_("The page is removed."))
    return redirect("wiki-pages", found.slug)


def _gone(request: HttpRequest, viewer: Viewer, found: Organization) -> HttpResponse:
    """The answer if the page was removed while somebody edited it: the typed text can become a new page."""
    page_change_check(actor=viewer, organization=found)
    context = {"form": WikiForm(request.POST), "limits": LIMITS, "is_gone": True}
    return organization_render(
        request, viewer, found, "sg_status/wiki/form.html", context, tab="wiki-pages", status=HTTPStatus.NOT_FOUND
    )


def _conflict(form: WikiForm, one: WikiPage, sentence: str) -> dict[str, Any]:
    """The other person's change. The form keeps the typed text, and its next submission starts from their revision."""
    one.refresh_from_db()
    theirs = revision_newest(one)
    try:
        began = revision_find(page=one, number=form.cleaned_data["number"] or 0).text
    except NotFound:
        # The revision is no longer kept: compare with the typed text.
        began = form.asked().text
    form.start_from(theirs.number)
    return {"sentence": sentence, "theirs": theirs, "lines": difference_html(began, theirs.text)}


_BASE = "organizations/<organization:slug>/pages/<slug:page_slug>/"
urlpatterns = [
    path(_BASE, wiki_page, name="wiki-page"),
    path(f"{_BASE}edit/", wiki_edit, name="wiki-edit"),
    path(f"{_BASE}remove/", wiki_remove, name="wiki-remove"),
]
