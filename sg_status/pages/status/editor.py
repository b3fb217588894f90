"""The settings of an organization's status page, and what it shows."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, Forbidden, NotFound
from fleet.deployments.models import Site
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.stations.models import Station
from fleet.status_pages.models import StatusPage
from fleet.status_pages.selectors import notices_of, status_items, status_page_find, status_page_of
from fleet.status_pages.services import (
    ITEMS_MOST,
    status_item_add,
    status_item_remove,
    status_page_change_check,
    status_page_save,
)
from sg_status.access import act, page, refusal_show
from sg_status.pages.organization.frame import organization_render
from sg_status.pages.status.forms import SITE, STATION, StatusForm, StatusItemForm

TAB = "organization-status"


@page
@require_http_methods(["GET", "HEAD", "POST"])
def status_settings(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """GET: the settings, what is shown, and the notices. POST: save the settings."""
    found = organization_find(viewer=viewer, slug=slug)
    shown = status_page_of(organization=found)
    is_post = request.method == "POST"
    if is_post:
        status_page_change_check(actor=viewer, organization=found)
    form = StatusForm.of(found, shown, request.POST if is_post else None)
    if is_post and form.is_valid():
        try:
            status_page_save(actor=viewer, organization=found, asked=form.asked())
        except (Forbidden, NotFound):
            raise
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect(TAB, found.slug)
    return _show(request, viewer, found, shown, form, StatusItemForm(found) if shown else None)


@page
@require_POST
def status_item(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """Show a station or site, or give it another name."""
    found = organization_find(viewer=viewer, slug=slug)
    status_page_change_check(actor=viewer, organization=found)
    shown = status_page_find(organization=found)
    form = StatusItemForm(found, request.POST)
    if form.is_valid():
        try:
            _add(viewer, shown, form)
        except Forbidden:
            raise
        except DomainError as error:
            refusal_show(form, error)
        else:
            messages.success(request, _("The status page shows it."))
            return redirect(TAB, found.slug)
    return _show(request, viewer, found, shown, StatusForm.of(found, shown), form)


@page
@require_POST
def status_item_gone(request: HttpRequest, viewer: Viewer, slug: str, item_id: int) -> HttpResponse:
    """Remove an item from the status page."""
    found = organization_find(viewer=viewer, slug=slug)
    status_page_change_check(actor=viewer, organization=found)
    shown = status_page_find(organization=found)
    act(
        request,
        lambda: status_item_remove(actor=viewer, page=shown, item_id=item_id),
        done=_("The status page no longer shows it."),
    )
    return redirect(TAB, found.slug)


def _add(viewer: Viewer, shown: StatusPage, form: StatusItemForm) -> None:
    thing, name = form.cleaned_data["thing"], form.cleaned_data["name"]
    # If it was deleted meanwhile, it is None here, which the service refuses.
    if thing.startswith(STATION):
        station = Station.objects.filter(pk=int(thing.removeprefix(STATION))).first()
        status_item_add(actor=viewer, page=shown, name=name, station=station)
    else:
        site = Site.objects.filter(pk=int(thing.removeprefix(SITE))).first()
        status_item_add(actor=viewer, page=shown, name=name, site=site)


def _show(
    request: HttpRequest,
    viewer: Viewer,
    found: Organization,
    shown: StatusPage | None,
    form: StatusForm,
    item_form: StatusItemForm | None,
) -> HttpResponse:
    context = {
        "page": shown,
        "address": f"{settings.SITE_URL}{reverse('status-page', args=[shown.slug])}" if shown else "",
        "form": form,
        "item_form": item_form,
        "items": list(status_items(page=shown)) if shown else [],
        "notices": list(notices_of(page=shown)) if shown else [],
        "items_most": ITEMS_MOST,
        "may_write": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(request, viewer, found, "sg_status/status/settings.html", context, tab=TAB)


_BASE = "organizations/<organization:slug>/status/"
urlpatterns = [
    path(_BASE, status_settings, name=TAB),
    path(f"{_BASE}items/", status_item, name="status-item"),
    path(f"{_BASE}items/<int:item_id>/remove/", status_item_gone, name="status-item-remove"),
]
