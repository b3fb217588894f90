"""Notices of the status page: writing one, its updates, and removing it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.selectors import organization_find
from fleet.status_pages.notices import notice_open, notice_remove, notice_update, notice_write_check
from fleet.status_pages.selectors import notice_find, status_page_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.status.editor import TAB
from sg_status.pages.status.forms import NoticeForm, NoticeUpdateForm


@page
@require_http_methods(["GET", "HEAD", "POST"])
def notice_add(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the form. POST: write the notice."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OPERATOR, organization=found, to=_("write notices of %(name)s"))
    shown = status_page_find(organization=found)
    form = NoticeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        told = form.cleaned_data
        try:
            made = notice_open(
                actor=viewer, page=shown, title=told["title"], text=told["text"], began_at=told["began_at"]
            )
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("The notice is written."))
            return redirect("status-notice", found.slug, made.pk)
    context = {"page": shown, "form": form}
    return organization_render(request, viewer, found, "sg_status/status/notice_add.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def notice_one(request: HttpRequest, viewer: Viewer, slug: str, notice_id: int) -> HttpResponse:
    """GET: the notice with its updates and their writers. POST: write an update."""
    found = organization_find(viewer=viewer, slug=slug)
    shown = status_page_find(organization=found)
    one = notice_find(page=shown, notice_id=notice_id)
    is_post = request.method == "POST"
    if is_post:
        notice_write_check(actor=viewer, page=shown)
    form = NoticeUpdateForm(request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            notice_update(actor=viewer, notice=one, text=form.cleaned_data["text"], is_end=form.cleaned_data["is_end"])
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("The update is written."))
            return redirect("status-notice", found.slug, one.pk)
    context = {
        "page": shown,
        "notice": one,
        "form": form if one.over_at is None or form.is_bound else None,
        "may_write": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/status/notice_one.html", context, tab=TAB)


@page
@require_POST
def notice_gone(request: HttpRequest, viewer: Viewer, slug: str, notice_id: int) -> HttpResponse:
    """Remove the notice with its updates."""
    found = organization_find(viewer=viewer, slug=slug)
    one = notice_find(page=status_page_find(organization=found), notice_id=notice_id)
    act(request, lambda: notice_remove(actor=viewer, notice=one), done=_("The notice is removed."))
    return redirect(TAB, found.slug)


_BASE = "organizations/<organization:slug>/status/notices/"
urlpatterns = [
    path(f"{_BASE}add/", notice_add, name="status-notice-add"),
    path(f"{_BASE}<int:notice_id>/", notice_one, name="status-notice"),
    path(f"{_BASE}<int:notice_id>/remove/", notice_gone, name="status-notice-remove"),
]
