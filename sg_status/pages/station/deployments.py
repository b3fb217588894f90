"""A station's deployments: a timeline, a table, and starting, ending or correcting a deployment."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core import clock
from fleet.core.errors import DomainError
from fleet.deployments.antennas import antennas_set
from fleet.deployments.models import Deployment
from fleet.deployments.places import place_shown
from fleet.deployments.publishing import deployment_publish
from fleet.deployments.selectors import deployment_get, deployment_list
from fleet.deployments.services import deployment_begin, deployment_delete, deployment_end, deployment_update
from fleet.files.photos import photo_add, photo_list
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station
from sg_status.access import act, page, refusal_show
from sg_status.maps.drawing import LONG, LOW, MapDrawn, map_drawn
from sg_status.maps.pins import Pin
from sg_status.maps.sectors import beams_of
from sg_status.pages.places.antenna_rows import AntennasForm
from sg_status.pages.places.forms import DeployForm, DeploymentForm, EndForm, PublishForm
from sg_status.pages.places.map import map_context, place_pin
from sg_status.pages.station.contact import contact_of
from sg_status.pages.station.frame import station_of, station_render
from sg_status.pages.station.notes import PhotoForm
from sg_status.pages.station.timeline import timeline_of

PAGE_SIZE = 50
_OPERATOR = Membership.Role.OPERATOR
#: The form that deploys the station has a field of the same name on the same page.
_END_IDS = "end_%s"
#: The forms on a deployment's page, by the part they change.
_KINDS: dict[str, Any] = {"times": DeploymentForm, "antennas": AntennasForm, "public": PublishForm}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_deployments(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """The timeline; POST deploys the station at a site."""
    station = station_of(viewer, serial)
    form = DeployForm(station.organization_id, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        viewer.require(_OPERATOR, station=station, to=_("move %(serial)s"))
        if form.is_valid() and _try(form, lambda: deployment_begin(station=station, actor=viewer, **form.cleaned_data)):
            messages.success(request, _("%(station)s is deployed there.") % {"station": station})
            return redirect("station-deployments", serial=serial)
    return _places_render(request, viewer, station, form, EndForm(auto_id=_END_IDS))


def _places_render(
    request: HttpRequest, viewer: Viewer, station: Station, form: DeployForm, end_form: EndForm
) -> HttpResponse:
    shown = Paginator(deployment_list(station=station), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(shown.object_list)
    moment = clock.now()
    current = next((row for row in rows if row.period.upper is None and row.period.lower <= moment), None)
    context = {
        "pages": shown,
        "rows": rows,
        "timeline": timeline_of(rows, moment=moment, timezone=current.site.timezone if current else ""),
        "form": form,
        "end_form": end_form,
        "current": current,
        "map": _map(viewer, rows, current, state_shown(station, contact_of(station), moment), moment),
    }
    return station_render(
        request, viewer, station, "sg_status/station/deployments.html", context, tab="station-deployments"
    )


def _map(
    viewer: Viewer, rows: list[Deployment], current: Deployment | None, state: str, moment: datetime
) -> MapDrawn | None:
    """The station's places: a pin for each, the present one in the shape of its state, and the way between them."""
    pins: dict[tuple[float, float], Pin] = {}
    track: list[tuple[float, float]] = []
    for row in reversed(rows):
        place = place_shown(viewer=viewer, deployment=row, moment=moment)
        if place.latitude is None or place.longitude is None:
            continue
        at = place.latitude, place.longitude
        shown = state if row is current else ""
        pins[at] = Pin(*at, row.site.name, shown, reverse("deployment", args=[row.pk]))
        track.append((place.longitude, place.latitude))
    return map_drawn(list(pins.values()), sizes=(LONG, LOW), track=track) if pins else None


@page
@require_http_methods(["GET", "HEAD", "POST"])
def deployment(request: HttpRequest, viewer: Viewer, deployment_id: int) -> HttpResponse:
    """One deployment: when, where exactly, its antennas, and what is public; POST changes one of these."""
    found = deployment_get(viewer=viewer, deployment_id=deployment_id)
    part = request.POST.get("part", "") if request.method == "POST" else ""
    form_of = {name: kind.of(found, request.POST if part == name else None) for name, kind in _KINDS.items()}
    if request.method == "POST":
        viewer.require(_OPERATOR, station=found.station, to=_("move %(serial)s"))
        if part in form_of and form_of[part].is_valid() and _change(viewer, found, part, form_of[part]):
            messages.success(request, _("The deployment is saved."))
            return redirect("deployment", deployment_id=deployment_id)
        found = deployment_get(viewer=viewer, deployment_id=deployment_id)
    return _deployment_render(request, viewer, found, form_of, PhotoForm())


@page
@require_POST
def deployment_photo_add(request: HttpRequest, viewer: Viewer, deployment_id: int) -> HttpResponse:
    """Add a photo of the deployment."""
    found = deployment_get(viewer=viewer, deployment_id=deployment_id)
    viewer.require(_OPERATOR, station=found.station, to=_("change %(serial)s"))
    form = PhotoForm(request.POST, request.FILES)
    if form.is_valid():
        upload, caption = form.cleaned_data["photo"], form.cleaned_data["caption"]
        if _try(
            form,
            lambda: photo_add(actor=viewer, station=found.station, upload=upload, caption=caption, deployment=found),
        ):
            messages.success(request, _("The photo is saved."))
            return redirect("deployment", deployment_id=deployment_id)
    return _deployment_render(request, viewer, found, {name: kind.of(found) for name, kind in _KINDS.items()}, form)


def _deployment_render(
    request: HttpRequest, viewer: Viewer, found: Deployment, form_of: dict[str, Any], photo_form: PhotoForm
) -> HttpResponse:
    place = place_shown(viewer=viewer, deployment=found, moment=clock.now())
    may_operate = viewer.may(_OPERATOR, found.station.organization_id)
    antennas = list(found.antennas.order_by("port"))
    beams = beams_of(antennas, place.latitude, place.longitude)
    context = {
        "photos": photo_list(station=found.station, deployment=found),
        "photo_form": photo_form,
        "deployment": found,
        "place": place,
        "antennas": antennas,
        "has_beams": bool(beams),
        "may_operate": may_operate,
        "forms": form_of if may_operate else None,
        "timezone": found.site.timezone,
        **map_context(place_pin(place, found.site.name), edit="id" if may_operate else "", beams=beams),
    }
    return render(request, "sg_status/places/deployment.html", context)


@page
@require_POST
def deployment_over(request: HttpRequest, viewer: Viewer, deployment_id: int) -> HttpResponse:
    """End a deployment."""
    found = deployment_get(viewer=viewer, deployment_id=deployment_id)
    viewer.require(_OPERATOR, station=found.station, to=_("move %(serial)s"))
    form = EndForm(request.POST, auto_id=_END_IDS)
    if not form.is_valid() or not _try(
        form, lambda: deployment_end(deployment=found, actor=viewer, at=form.cleaned_data["at"])
    ):
        station = station_of(viewer, found.station.serial)
        return _places_render(request, viewer, station, DeployForm(station.organization_id), form)
    told = {"station": found.station, "site": found.site.name}
    messages.success(request, _("%(station)s is removed from %(site)s.") % told)
    return redirect("station-deployments", serial=found.station.serial)


@page
@require_POST
def deployment_gone(request: HttpRequest, viewer: Viewer, deployment_id: int) -> HttpResponse:
    """Delete a deployment that never happened."""
    found = deployment_get(viewer=viewer, deployment_id=deployment_id)
    act(
        request,
        lambda: deployment_delete(deployment=found, actor=viewer),
        done=_("The deployment is deleted."),
    )
    return redirect("station-deployments", serial=found.station.serial)


def _change(viewer: Viewer, found: Deployment, part: str, form: Any) -> bool:
    if part == "antennas":
        return _antennas_change(viewer, found, form)
    filled = form.cleaned_data
    if part == "times":
        return _try(form, lambda: deployment_update(deployment=found, actor=viewer, **filled))
    return _try(
        form,
        lambda: deployment_publish(
            deployment=found,
            actor=viewer,
            is_public=filled["is_public"],
            location=filled["location"],
            blur_radius_m=form.radius_m,
            withheld_until=form.until,
            is_serial_public=filled["is_serial_public"],
        ),
    )


def _antennas_change(viewer: Viewer, found: Deployment, form: AntennasForm) -> bool:
    try:
        antennas_set(deployment=found, actor=viewer, antennas=form.antennas)
    except DomainError as error:
        form.refusal_show(error)
        return False
    return True


def _try(form: forms.Form, call: Any) -> bool:
    """Do it; show a refusal at the field it concerns."""
    try:
        call()
    except DomainError as error:
        refusal_show(form, error, blur_radius_m="blur_radius_km")
        return False
    return True


urlpatterns = [
    path("stations/<serial:serial>/deployments/", station_deployments, name="station-deployments"),
    path("deployments/<int:deployment_id>/", deployment, name="deployment"),
    path("deployments/<int:deployment_id>/end/", deployment_over, name="deployment-end"),
    path("deployments/<int:deployment_id>/photos/", deployment_photo_add, name="deployment-photo-add"),
    path("deployments/<int:deployment_id>/delete/", deployment_gone, name="deployment-delete"),
]
