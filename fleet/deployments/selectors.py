"""Queries for sites, rooms and deployments; those for public deployments need no viewer."""

from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import NotFound
from fleet.deployments.models import Deployment, Room, Site
from fleet.organizations.access import Viewer
from fleet.stations.models import Station


def site_list(*, viewer: Viewer, search: str = "", organization: str = "") -> QuerySet[Site]:
    """The sites of the viewer's organizations by name, with `stations_now`: the number of stations there."""
    sites = Site.objects.select_related("organization").order_by("name", "id")
    sites = sites.filter(viewer.organizations("organization__"))
    if search := search.strip().replace("\x00", ""):
        sites = sites.filter(Q(name__icontains=search) | Q(city__icontains=search))
    if organization:
        sites = sites.filter(organization__slug=organization)
    # A subquery instead of a join: it runs only for the rows of one page.
    here = Deployment.objects.filter(site=OuterRef("pk"), period__contains=clock.now()).order_by()
    counted = here.values("site").annotate(number=Count("pk")).values("number")
    return sites.annotate(stations_now=Coalesce(Subquery(counted), 0))


def site_get(*, viewer: Viewer, site_id: int) -> Site:
    """One site. Raises `NotFound`."""
    found = site_list(viewer=viewer).filter(pk=site_id).first()
    if found is None:
        raise NotFound(_("There is no site %(number)s that you may see.") % {"number": site_id})
    return found


def room_list(*, viewer: Viewer, site_id: int | None = None) -> QuerySet[Room]:
    """The rooms at the viewer's sites, or at one of them, by name."""
    rooms = Room.objects.select_related("site").order_by("name", "id")
    rooms = rooms.filter(viewer.organizations("site__organization__"))
    return rooms if site_id is None else rooms.filter(site=site_id)


def room_get(*, viewer: Viewer, room_id: int) -> Room:
    """One room. Raises `NotFound`."""
    found = room_list(viewer=viewer).filter(pk=room_id).first()
    if found is None:
        raise NotFound(_("There is no room %(number)s that you may see.") % {"number": room_id})
    return found


def deployment_list(*, station: Station) -> QuerySet[Deployment]:
    """A station's deployments, newest first."""
    return _joined().filter(station=station).order_by("-period")


def deployments_visible(
    *, viewer: Viewer, station: Station | None = None, site_id: int | None = None, moment: datetime | None = None
) -> QuerySet[Deployment]:
    """Deployments of stations in the viewer's organizations, newest first; criteria that are None do not limit them."""
    found = _joined().order_by(F("id").desc()).filter(viewer.organizations("station__organization__"))
    if station is not None:
        found = found.filter(station=station)
    if site_id is not None:
        found = found.filter(site=site_id)
    return found if moment is None else found.filter(period__contains=moment)


def deployment_get(*, viewer: Viewer, deployment_id: int) -> Deployment:
    """One deployment. Raises `NotFound`."""
    found = deployments_visible(viewer=viewer).filter(pk=deployment_id).first()
    if found is None:
        raise NotFound(_("There is no deployment %(number)s that you may see.") % {"number": deployment_id})
    return found


def deployment_current(*, station: Station, moment: datetime | None = None) -> Deployment | None:
    """A station's deployment now or at a moment; None if it had none."""
    return _joined().filter(station=station, period__contains=moment or clock.now()).first()


def deployments_public() -> QuerySet[Deployment]:
    """All public deployments, newest first; only `fleet.deployments.places.place_shown` says where each one is."""
    return (
        _joined()
        .filter(is_public=True, station__organization__deleted_at=None, site__organization__deleted_at=None)
        .prefetch_related("antennas")
        .order_by("-id")
    )


def deployments_public_after(*, public_id: str) -> QuerySet[Deployment]:
    """The public deployments that follow this one, which may no longer be public; all of them if the id is unknown."""
    try:
        last = Deployment.objects.filter(public_id=UUID(public_id)).values_list("pk", flat=True).first()
    except ValueError:
        last = None
    return deployments_public() if last is None else deployments_public().filter(pk__lt=last)


def deployment_public_get(*, public_id: UUID) -> Deployment:
    """One public deployment. Raises `NotFound`."""
    found = deployments_public().filter(public_id=public_id).first()
    if found is None:
        raise NotFound(_("There is no public place with this id."))
    return found


def _joined() -> QuerySet[Deployment]:
    # A deleted station's deployments are hidden at once.
    found = Deployment.objects.filter(station__deleted_at=None)
    return found.select_related("site__organization", "room", "station__organization")
