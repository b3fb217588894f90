"""Repeated packages of an organization: the list with a form, and the outcome of each period of one."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.errors import DomainError, Forbidden
from fleet.exports.models import PackageSchedule
from fleet.exports.schedules.services import (
    part_list,
    schedule_add,
    schedule_add_check,
    schedule_find,
    schedule_list,
    schedule_remove,
)
from fleet.exports.services import package_ask_check
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.organization.schedule_forms import EVERY_WORDS, TARGET_WORDS, ScheduleForm

PAGE_SIZE = 50


@page
@require_http_methods(["GET", "HEAD", "POST"])
def schedules(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the packages that repeat, and for operators the form. POST: add one."""
    found = organization_find(viewer=viewer, slug=slug)
    package_ask_check(actor=viewer, organization=found)
    is_post = request.method == "POST"
    if is_post:
        schedule_add_check(actor=viewer, organization=found)
    form = ScheduleForm.of(found, request.POST if is_post else None)
    if is_post and form.is_valid() and _add(request, viewer, found, form):
        return redirect("package-schedules", found.slug)
    rows = [{"schedule": one, **_words(one)} for one in schedule_list(organization=found)]
    context: dict[str, Any] = {"rows": rows, "form": form, "may_add": viewer.may(Role.OPERATOR, found.pk)}
    return organization_render(
        request, viewer, found, "sg_status/organization/schedules.html", context, tab="organization-packages"
    )


@page
@require_safe
def schedule(request: HttpRequest, viewer: Viewer, slug: str, schedule_id: int) -> HttpResponse:
    """One package that repeats, with its periods."""
    found = organization_find(viewer=viewer, slug=slug)
    one = schedule_find(viewer=viewer, organization=found, schedule_id=schedule_id)
    pages = Paginator(part_list(schedule=one), PAGE_SIZE).get_page(request.GET.get("page"))
    may_remove = viewer.may(Role.OPERATOR, found.pk)
    context: dict[str, Any] = {"schedule": one, "pages": pages, "may_remove": may_remove, **_words(one)}
    return organization_render(
        request, viewer, found, "sg_status/organization/schedule.html", context, tab="organization-packages"
    )


@page
@require_POST
def remove(request: HttpRequest, viewer: Viewer, slug: str, schedule_id: int) -> HttpResponse:
    """End a repeated package."""
    found = organization_find(viewer=viewer, slug=slug)
    one = schedule_find(viewer=viewer, organization=found, schedule_id=schedule_id)
    done = _("It no longer repeats. Files that are in their place stay there.")
    act(request, lambda: schedule_remove(actor=viewer, schedule=one), done=done)
    return redirect("package-schedules", found.slug)


def _add(request: HttpRequest, viewer: Viewer, found: Organization, form: ScheduleForm) -> bool:
    try:
        schedule_add(actor=viewer, organization=found, **form.question())
    except Forbidden:
        raise
    except DomainError as error:
        refusal_show(form, error, format="wanted")
        return False
    messages.success(request, _("It repeats from now on."))
    return True


def _words(one: PackageSchedule) -> dict[str, Any]:
    return {"every": EVERY_WORDS[one.every], "target": TARGET_WORDS[one.target]}


_BASE = "organizations/<organization:slug>/packages/schedules/"
urlpatterns = [
    path(_BASE, schedules, name="package-schedules"),
    path(f"{_BASE}<int:schedule_id>/", schedule, name="package-schedule"),
    path(f"{_BASE}<int:schedule_id>/remove/", remove, name="package-schedule-remove"),
]
