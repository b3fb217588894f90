"""Deployments at Motus and ours: the differences, deciding which is right, and a station's text and files for Motus."""

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.organizations.selectors import organization_find
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from fleet.sync.models import MotusDay, MotusDifference
from fleet.sync.motus.accounts import account_of
from fleet.sync.motus.by_itself import by_itself_decide, receiver_of
from fleet.sync.motus.differences import (
    TAKEABLE,
    difference_get,
    difference_keep,
    difference_take,
    difference_words,
    differences_of,
)
from fleet.sync.motus.handover import handover_of
from sg_status.access import act, page
from sg_status.pages.organization.frame import organization_render

PAGE_SIZE = 50
#: Maximum days shown of a station, the newest first.
DAYS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One difference with its sentence, and whether the value from Motus can be taken over."""

    row: MotusDifference
    sentence: str
    is_takeable: bool


@page
@require_safe
def deployments(request: HttpRequest, viewer: Viewer, slug: str) -> HttpResponse:
    """All differences, the undecided first."""
    found = organization_find(viewer=viewer, slug=slug)
    pages = Paginator(differences_of(found), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "account": account_of(found),
        "pages": pages,
        "rows": [_row(one) for one in pages.object_list],
        "may_operate": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_deployments.html", context, tab="organization-motus"
    )


@page
@require_safe
def station(request: HttpRequest, viewer: Viewer, slug: str, serial: str) -> HttpResponse:
    """One station on both sides, with the text for Motus' pages."""
    found = organization_find(viewer=viewer, slug=slug)
    shown = _station_of(viewer, found, serial)
    receiver = receiver_of(shown)
    days = MotusDay.objects.filter(receiver=receiver).order_by("-day") if receiver else MotusDay.objects.none()
    context = {
        "account": account_of(found),
        "receiver": receiver,
        "days": days[:DAYS_SHOWN],
        "station": shown,
        "handover": handover_of(shown),
        "rows": [_row(one) for one in differences_of(found).filter(station=shown)],
        "may_operate": viewer.may(Role.OPERATOR, found.pk),
    }
    return organization_render(
        request, viewer, found, "sg_status/organization/motus_station.html", context, tab="organization-motus"
    )


@page
@require_POST
def sender(request: HttpRequest, viewer: Viewer, slug: str, serial: str) -> HttpResponse:
    """Decide who sends a station's files: the station itself, or Roost."""
    found = organization_find(viewer=viewer, slug=slug)
    shown = _station_of(viewer, found, serial)
    is_by_itself = request.POST.get("do") == "station"
    done = (
        _("Roost leaves its files to the station.")
        if is_by_itself
        else _("Roost sends its files. The next search looks at them again.")
    )
    act(request, lambda: by_itself_decide(actor=viewer, station=shown, is_by_itself=is_by_itself), done=done)
    return redirect("organization-motus-station", found.slug, serial)


@page
@require_POST
def decide(request: HttpRequest, viewer: Viewer, slug: str, difference_id: int) -> HttpResponse:
    """Take theirs, keep ours, or reopen the question."""
    found = organization_find(viewer=viewer, slug=slug)
    difference = difference_get(viewer=viewer, organization=found, difference_id=difference_id)
    serial = difference.station.serial
    if request.POST.get("do") == "take":
        done = _("%(serial)s now has the value from Motus.") % {"serial": serial}
        act(request, lambda: difference_take(actor=viewer, difference=difference), done=done)
    else:
        is_kept = request.POST.get("do") == "keep"
        done = (
            _("Ours is kept. The difference is reported again only if one of the two changes.")
            if is_kept
            else _("It is open again.")
        )
        act(request, lambda: difference_keep(actor=viewer, difference=difference, is_kept=is_kept), done=done)
    return redirect("organization-motus-deployments", found.slug)


def _station_of(viewer: Viewer, organization: Organization, serial: str) -> Station:
    """A station of this organization. Raises `NotFound`."""
    found = station_get(viewer=viewer, serial=serial)
    if found.organization_id != organization.pk:
        raise NotFound(_("There is no station %(serial)s here.") % {"serial": serial})
    return found


def _row(difference: MotusDifference) -> DifferenceRow:
    return DifferenceRow(difference, difference_words(difference), difference.kind in TAKEABLE)


urlpatterns = [
    path("organizations/<organization:slug>/motus/deployments/", deployments, name="organization-motus-deployments"),
    path(
        "organizations/<organization:slug>/motus/deployments/<int:difference_id>/decide/",
        decide,
        name="organization-motus-decide",
    ),
    path("organizations/<organization:slug>/motus/stations/<str:serial>/", station, name="organization-motus-station"),
    path(
        "organizations/<organization:slug>/motus/stations/<str:serial>/sender/",
        sender,
        name="organization-motus-sender",
    ),
]
