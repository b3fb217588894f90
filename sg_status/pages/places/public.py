"""The public pages, without a login: public deployments, their published positions, and their antennas."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.timezone import override
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.core.zones import viewer_zone, zone_of
from fleet.deployments.models import Deployment
from fleet.deployments.places import PlaceShown, place_shown
from fleet.deployments.selectors import deployment_public_get, deployments_public_after
from fleet.files.photos import Size
from fleet.files.photos_public import photo_public_find, photos_public
from fleet.organizations.access import Viewer
from fleet.wiki.selectors import public_pages
from sg_status.maps.drawing import LONG
from sg_status.maps.pins import Pin
from sg_status.maps.sectors import beams_of
from sg_status.pages.places.map import map_context, pins_answer, place_pin
from sg_status.photo_answer import photo_answer

PAGE_SIZE = 100
#: Everyone gets the same public view, logged in or not.
NOBODY = Viewer(user=None, name="", roles={})

P = ParamSpec("P")


def public(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Decorate a public view; what is not public answers 404."""

    @wraps(view)
    def door(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404(str(error)) from error

    return door


@require_safe
@public
def public_deployments(request: HttpRequest) -> HttpResponse:
    """All public deployments, newest first, and a map of the published positions.

    `after` is the last public id of the previous page.
    """
    after = request.GET.get("after", "")
    rows, has_more = _rows(after)
    context = {
        "rows": rows,
        "older": rows[-1][0].public_id if has_more else None,
        "is_first": not after,
        **map_context(_pins(rows), source=f"{reverse('public-pins')}?{urlencode({'after': after})}", wide=LONG),
    }
    return render(request, "sg_status/places/public_deployments.html", context)


@require_safe
@public
def public_pins(request: HttpRequest) -> HttpResponse:
    """The published positions on one page of the list, for a view of its map, as JSON."""
    return pins_answer(request, _pins(_rows(request.GET.get("after", ""))[0]))


def _rows(after: str) -> tuple[list[tuple[Deployment, PlaceShown]], bool]:
    """A page of deployments with what everybody may know of their places, and whether there are more."""
    moment = clock.now()
    # No count and no offset, so that a page costs the same however many deployments there are.
    found = list(deployments_public_after(public_id=after)[: PAGE_SIZE + 1])
    shown = [(each, place_shown(viewer=NOBODY, deployment=each, moment=moment)) for each in found[:PAGE_SIZE]]
    return shown, len(found) > PAGE_SIZE


def _pins(rows: list[tuple[Deployment, PlaceShown]]) -> list[Pin]:
    return [
        pin
        for each, place in rows
        for pin in place_pin(place, each.site.name, reverse("public-deployment", args=[each.public_id]))
    ]


@require_safe
@public
def public_deployment(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One public deployment."""
    found, moment = deployment_public_get(public_id=public_id), clock.now()
    place = place_shown(viewer=NOBODY, deployment=found, moment=moment)
    antennas = sorted(found.antennas.all(), key=lambda antenna: antenna.port)
    # If the place is a circle, nobody knows where in it the antennas stand.
    beams = [] if place.radius_m else beams_of(antennas, place.latitude, place.longitude)
    context = {
        "deployment": found,
        "place": place,
        "antennas": antennas,
        "photos": photos_public(deployments=[found], moment=moment)[found.pk],
        "has_beams": bool(beams),
        "has_pages": public_pages(slug=found.site.organization.slug).exists(),
        **map_context(place_pin(place, found.site.name), beams=beams),
    }
    # Visitors without a login have no time zone: they see the place's, unless that would reveal too much.
    is_exact = place.latitude is not None and place.radius_m is None
    is_theirs = request.user.is_authenticated or not is_exact
    with override(viewer_zone() if is_theirs else zone_of(found.site.timezone)):
        return render(request, "sg_status/places/public_deployment.html", context)


@require_safe
@public
def public_photo(request: HttpRequest, public_id: UUID, name: str, size: Size) -> HttpResponseBase:  # noqa: ARG001 - the door's signature
    """A photo of a public deployment."""
    return photo_answer(photo_public_find(public_id=public_id, name=name, moment=clock.now()), size)


_PHOTO = "public/deployments/<uuid:public_id>/photos/<slug:name>"

urlpatterns = [
    path("public/deployments/", public_deployments, name="public-deployments"),
    path("public/deployments/pins.json", public_pins, name="public-pins"),
    path("public/deployments/<uuid:public_id>/", public_deployment, name="public-deployment"),
    path(f"{_PHOTO}/small.jpg", public_photo, {"size": "small"}, name="public-photo-small"),
    path(f"{_PHOTO}/whole.jpg", public_photo, {"size": "whole"}, name="public-photo"),
]
