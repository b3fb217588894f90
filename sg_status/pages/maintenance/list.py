"""An organization's planned maintenance: the list, planning one with a preview of its times, ending and deleting it."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.alerts.maintenance.schedules import schedule_of
from fleet.alerts.maintenance.selectors import window_get, window_list, window_views
from fleet.alerts.maintenance.services import WindowPreview, window_add, window_delete, window_end, window_preview
from fleet.alerts.maintenance.words import occurrence_words, repeat_words, target_words
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core import clock
from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.core.zones import zone_label
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from sg_status.access import act, page, refusal_show
from sg_status.pages.maintenance.forms import RENAMED, MaintenanceForm
from sg_status.pages.organization.frame import organization_render

TAB: Final = "organization-maintenance"
#: Maximum past windows shown, the newest; and for the others a limit that no organization can reach.
_OVER_MOST, _MOST = 20, 500


@page
@require_safe
def maintenance(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """The open and coming windows, then the past ones."""
    found, moment = organization_find(viewer=viewer, slug=slug), clock.now()
    ours = window_list(viewer=viewer, organization=found.slug)
    context = {
        "rows": window_views(list(ours.filter(due_at__isnull=False)[:_MOST]), moment),
        "over": window_views(list(ours.filter(due_at=None).order_by("-added_at", "-pk")[:_OVER_MOST]), moment),
        "may_plan": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/maintenance/list.html", context, tab=TAB)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the form; the address may fill some of it in. POST: preview its times, or save it."""
    found = organization_find(viewer=viewer, slug=slug)
    viewer.require(Role.OPERATOR, organization=found, to=_("plan maintenance at %(name)s"))
    if request.method != "POST":
        known = {name: text for name, text in request.GET.dict().items() if name in MaintenanceForm.base_fields}
        return _form_render(request, viewer, found, MaintenanceForm(initial=known), None)
    form, preview = MaintenanceForm(request.POST), None
    if form.is_valid():
        try:
            draft = form.draft()
            if request.POST.get("do") == "save":
                window_add(actor=viewer, organization=found, draft=draft)
                messages.success(request, _("The maintenance is planned."))
                return redirect(TAB, found.slug)
            preview = window_preview(actor=viewer, organization=found, draft=draft)
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            refusal_show(form, error, **RENAMED)
    return _form_render(request, viewer, found, form, preview)


@page
@require_POST
def end(request: HttpRequest, viewer: Viewer, slug: str, window_id: int) -> HttpResponse:
    """End an open window."""
    found, window = _find(viewer, slug, window_id)
    act(request, lambda: window_end(actor=viewer, window=window), done=_("The maintenance has ended."))
    return redirect(TAB, found.slug)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, viewer: Viewer, slug: str, window_id: int) -> HttpResponse:
    """GET: the consequences. POST: delete it."""
    found, window = _find(viewer, slug, window_id)
    viewer.require(Role.OPERATOR, organization=found, to=_("plan maintenance at %(name)s"))
    if request.method == "POST":
        act(request, lambda: window_delete(actor=viewer, window=window), done=_("The maintenance is deleted."))
        return redirect(TAB, found.slug)
    context = {
        "title": _("Delete “%(reason)s” for %(target)s") % {"reason": window.reason, "target": target_words(window)},
        "text": _(
            "It will not take place again. If it is going on, it ends now, and Roost sends alerts for what is still "
            "wrong."
        ),
        "button": _("Delete the maintenance"),
        "keep": _("Keep it"),
        "back": TAB,
    }
    return organization_render(request, viewer, found, "sg_status/organization/confirm.html", context, tab=TAB)


def _find(viewer: Viewer, slug: str, window_id: int) -> tuple[Organization, MaintenanceWindow]:
    found, window = organization_find(viewer=viewer, slug=slug), window_get(viewer=viewer, window_id=window_id)
    if window.organization_id != found.pk:
        raise NotFound(_("There is no planned maintenance %(number)d that you may see.") % {"number": window_id})
    return found, window


def _form_render(
    request: HttpRequest, viewer: Viewer, found: Organization, form: MaintenanceForm, preview: WindowPreview | None
) -> HttpResponse:
    context: dict[str, object] = {"form": form, "preview": preview}
    if preview is not None:
        schedule, moment = schedule_of(preview.window), clock.now()
        context |= {
            "coming": [occurrence_words(one, schedule.zone, moment) for one in preview.coming],
            "repeats": repeat_words(schedule),
            "zone": zone_label(preview.window.timezone),
        }
    return organization_render(request, viewer, found, "sg_status/maintenance/form.html", context, tab=TAB)


_BASE = "organizations/<organization:slug>/maintenance/"
urlpatterns = [
    path(_BASE, maintenance, name=TAB),
    path(f"{_BASE}add/", add, name="maintenance-add"),
    path(f"{_BASE}<int:window_id>/end/", end, name="maintenance-end"),
    path(f"{_BASE}<int:window_id>/delete/", delete, name="maintenance-delete"),
]
