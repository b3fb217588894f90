"""Sites: a table and a map of them, and one site with its rooms and deployments."""

from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from fleet.core.errors import InvalidInput
from fleet.deployments.models import Deployment, Site
from fleet.deployments.places import PlaceShown
from fleet.deployments.selectors import deployments_visible, room_get, site_get, site_list
from fleet.deployments.sites import room_create, room_delete, site_create, site_delete, site_update
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from sg_status.access import act, page, refusal_show
from sg_status.maps.drawing import LONG
from sg_status.maps.pins import Pin
from sg_status.maps.sectors import Beam, beams_of
from sg_status.menu import MenuEntry
from sg_status.pages.places.forms import RoomForm, SiteAddForm, SiteForm
from sg_status.pages.places.map import map_context, pins_answer, place_pin

MENU = MenuEntry(gettext_lazy("Sites"), "sites", 10, "pin", under=("/deployments/",))

PAGE_SIZE: Final = 100
#: Maximum points on one map.
POINTS_MOST: Final = 1_000
DEPLOYMENTS_SHOWN: Final = 50
_OPERATOR = Membership.Role.OPERATOR
#: The site's own form has fields with the same names on the same page.
_ROOM_IDS: Final = "room_%s"


@page
@require_http_methods(["GET", "HEAD", "POST"])
def sites(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The sites of the viewer's organizations; POST adds one."""
    mine = viewer.organization_ids(_OPERATOR)
    form = SiteAddForm(mine, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require_somewhere(_OPERATOR, to=_("add sites"))
        if form.is_valid() and (made := _create(viewer, form)):
            messages.success(request, _("The site %(name)s is added.") % {"name": made.name})
            return redirect("site", site_id=made.pk)
    search = request.GET.get("q", "")[:100]
    found = site_list(viewer=viewer, search=search)
    pins = _pins(viewer, search)
    context = {
        "pages": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "form": form if mine else None,
        "search": search,
        "is_cut": len(pins) == POINTS_MOST,
        **map_context(
            pins, source=f"{reverse('sites-pins')}?{urlencode({'q': search})}", edit="id" if mine else "", wide=LONG
        ),
    }
    return render(request, "sg_status/places/sites.html", context)


@page
@require_safe
def sites_pins(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """The pins of one view of the map as JSON."""
    return pins_answer(request, _pins(viewer, request.GET.get("q", "")[:100]))


def _pins(viewer: Viewer, search: str) -> list[Pin]:
    found = site_list(viewer=viewer, search=search).exclude(latitude=None)
    base = reverse("sites")
    return [
        Pin(latitude, longitude, name, address=f"{base}{pk}/")
        for pk, name, latitude, longitude in found.values_list("pk", "name", "latitude", "longitude")[:POINTS_MOST]
        if latitude is not None and longitude is not None
    ]


@page
@require_http_methods(["GET", "HEAD", "POST"])
def site(request: HttpRequest, viewer: Viewer, site_id: int) -> HttpResponse:
    """One site; POST changes it."""
    found = site_get(viewer=viewer, site_id=site_id)
    form = SiteForm.of(found, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require(_OPERATOR, organization=found.organization_id, to=_("change %(name)s"), name=found.name)
        if form.is_valid() and _update(viewer, found, form):
            messages.success(request, _("The site is saved."))
            return redirect("site", site_id=site_id)
        found = site_get(viewer=viewer, site_id=site_id)
    return _site_render(request, viewer, found, form, RoomForm(auto_id=_ROOM_IDS))


def _site_render(
    request: HttpRequest, viewer: Viewer, found: Site, form: SiteForm, room_form: RoomForm
) -> HttpResponse:
    may_operate = viewer.may(_OPERATOR, found.organization_id)
    deployments = deployments_visible(viewer=viewer, site_id=found.pk).order_by("-period")
    shown = list(deployments.prefetch_related("antennas")[:DEPLOYMENTS_SHOWN])
    beams = [beam for one in shown if one.period.upper is None for beam in _beams(one, found)]
    place = PlaceShown(found.latitude, found.longitude)
    context = {
        "site": found,
        "form": form if may_operate else None,
        "room_form": room_form if may_operate else None,
        "rooms": found.rooms.order_by("name"),
        "deployments": shown,
        "number": deployments.count(),
        "may_operate": may_operate,
        "has_beams": bool(beams),
        **map_context(place_pin(place, found.name), edit="id" if may_operate else "", beams=beams),
    }
    return render(request, "sg_status/places/site.html", context)


def _beams(deployment: Deployment, site: Site) -> list[Beam]:
    own = deployment.latitude is not None
    at = (deployment.latitude, deployment.longitude) if own else (site.latitude, site.longitude)
    return beams_of(deployment.antennas.all(), *at)


@page
@require_POST
def site_gone(request: HttpRequest, viewer: Viewer, site_id: int) -> HttpResponse:
    """Delete a site that never had a deployment."""
    found = site_get(viewer=viewer, site_id=site_id)
    done = _("The site %(name)s is deleted.") % {"name": found.name}
    is_gone = act(request, lambda: site_delete(site=found, actor=viewer), done=done)
    return redirect("sites") if is_gone else redirect("site", site_id=site_id)


@page
@require_POST
def room_add(request: HttpRequest, viewer: Viewer, site_id: int) -> HttpResponse:
    """Add a room."""
    found = site_get(viewer=viewer, site_id=site_id)
    viewer.require(_OPERATOR, organization=found.organization_id, to=_("change %(name)s"), name=found.name)
    form = RoomForm(request.POST, auto_id=_ROOM_IDS)
    if not form.is_valid() or not _room_create(viewer, found, form):
        return _site_render(request, viewer, found, SiteForm.of(found), form)
    messages.success(request, _("The room %(name)s is added.") % {"name": form.cleaned_data["name"]})
    return redirect("site", site_id=site_id)


@page
@require_POST
def room_gone(request: HttpRequest, viewer: Viewer, room_id: int) -> HttpResponse:
    """Delete a room; its deployments then belong to the site only."""
    found = room_get(viewer=viewer, room_id=room_id)
    done = _("The room %(name)s is deleted.") % {"name": found.name}
    act(request, lambda: room_delete(room=found, actor=viewer), done=done)
    return redirect("site", site_id=found.site_id)


def _create(viewer: Viewer, form: SiteAddForm) -> Site | None:
    try:
        return site_create(actor=viewer, **form.cleaned_data)
    except InvalidInput as error:
        refusal_show(form, error)
    return None


def _room_create(viewer: Viewer, found: Site, form: RoomForm) -> bool:
    try:
        room_create(site=found, actor=viewer, **form.cleaned_data)
    except InvalidInput as error:
        refusal_show(form, error)
        return False
    return True


def _update(viewer: Viewer, found: Site, form: SiteForm) -> bool:
    try:
        site_update(site=found, actor=viewer, **form.cleaned_data)
    except InvalidInput as error:
        refusal_show(form, error)
        return False
    return True


urlpatterns = [
    path("sites/", sites, name="sites"),
    path("sites/pins.json", sites_pins, name="sites-pins"),
    path("sites/<int:site_id>/", site, name="site"),
    path("sites/<int:site_id>/delete/", site_gone, name="site-delete"),
    path("sites/<int:site_id>/rooms/", room_add, name="room-add"),
    path("rooms/<int:room_id>/delete/", room_gone, name="room-delete"),
]
