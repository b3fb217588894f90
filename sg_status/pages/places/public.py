"""The public pages, without a login: public deployments, their published positions, and their antennas."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.deployments.places import place_shown
from fleet.deployments.selectors import deployment_public_get, deployments_public_after
from fleet.files.photos import Size
from fleet.files.photos_public import photo_public_find, photos_public
from fleet.organizations.access import Viewer
from sg_status.pages.places.map import MapPoint, points_drawn
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
    moment, after = clock.now(), request.GET.get("after", "")
    # Neither counted nor skipped: a page costs the same however many there are and however far back it is.
    found = list(deployments_public_after(public_id=after)[: PAGE_SIZE + 1])
    rows = [(each, place_shown(viewer=NOBODY, deployment=each, moment=moment)) for each in found[:PAGE_SIZE]]
    older = rows[-1][0].public_id if len(found) > PAGE_SIZE else None
    points = [
        MapPoint(place, each.site.name, reverse("public-deployment", args=[each.public_id])) for each, place in rows
    ]
    context = {"rows": rows, "points": points_drawn(points), "older": older, "is_first": not after}
    return render(request, "sg_status/places/public_deployments.html", context)


@require_safe
@public
def public_deployment(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One public deployment."""
    found, moment = deployment_public_get(public_id=public_id), clock.now()
    place = place_shown(viewer=NOBODY, deployment=found, moment=moment)
    context = {
        "deployment": found,
        "place": place,
        "antennas": sorted(found.antennas.all(), key=lambda antenna: antenna.port),
        "photos": photos_public(deployments=[found], moment=moment)[found.pk],
        "points": points_drawn([MapPoint(place, found.site.name, "")]),
    }
    return render(request, "sg_status/places/public_deployment.html", context)


@require_safe
@public
def public_photo(request: HttpRequest, public_id: UUID, name: str, size: Size) -> HttpResponseBase:  # noqa: ARG001 - the door's signature
    """A photo of a public deployment."""
    return photo_answer(photo_public_find(public_id=public_id, name=name, moment=clock.now()), size)


_PHOTO = "public/deployments/<uuid:public_id>/photos/<slug:name>"

urlpatterns = [
    path("public/deployments/", public_deployments, name="public-deployments"),
    path("public/deployments/<uuid:public_id>/", public_deployment, name="public-deployment"),
    path(f"{_PHOTO}/small.jpg", public_photo, {"size": "small"}, name="public-photo-small"),
    path(f"{_PHOTO}/whole.jpg", public_photo, {"size": "whole"}, name="public-photo"),
]
