"""Publishing a deployment's place: whether, how exactly and from when it is shown."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, NotFound
from fleet.deployments.models import Deployment
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station

#: In metres: a smaller circle hides nothing, a larger one shows nothing.
BLUR_LEAST_M, BLUR_MOST_M = 100.0, 200_000.0
#: The fields of a deployment that control what everybody can know.
PUBLICATION = ("is_public", "location", "blur_radius_m", "withheld_until", "is_serial_public")


@transaction.atomic
def deployment_publish(
    *,
    deployment: Deployment,
    actor: Viewer,
    is_public: bool,
    location: str = Deployment.Location.EXACT,
    blur_radius_m: float | None = None,
    withheld_until: datetime | None = None,
    is_serial_public: bool = False,
) -> Deployment:
    """Make a place public, or visible only to members again. Raises `InvalidInput` naming the field."""
    actor.require(Role.OPERATOR, organization=deployment.station.organization_id, to=_("publish a place"))
    if location not in Deployment.Location.values:
        raise InvalidInput(
            _("There is no location %(location)s: use one of %(locations)s.")
            % {"location": repr(location[:40]), "locations": ", ".join(Deployment.Location.values)},
            field="location",
        )
    if location == Deployment.Location.BLURRED and not (
        blur_radius_m is not None and BLUR_LEAST_M <= blur_radius_m <= BLUR_MOST_M
    ):
        raise InvalidInput(
            _("A blurred place needs a radius of %(least)d to %(most)d metres.")
            % {"least": BLUR_LEAST_M, "most": BLUR_MOST_M},
            field="blur_radius_m",
        )
    # Lock the station first, as every move does; it may have changed hands in the meantime.
    station = Station.objects.select_for_update().get(pk=deployment.station_id)
    actor.require(Role.OPERATOR, organization=station.organization_id, to=_("publish a place"))
    changed = Deployment.objects.filter(pk=deployment.pk).update(
        is_public=is_public,
        location=location,
        blur_radius_m=blur_radius_m if location == Deployment.Location.BLURRED else None,
        withheld_until=withheld_until if location == Deployment.Location.WITHHELD else None,
        is_serial_public=is_serial_public,
    )
    if not changed:
        raise NotFound(_("This deployment no longer exists."))
    deployment.refresh_from_db(fields=["station", "site", "period", *PUBLICATION])
    audit(
        actor,
        deployment,
        "deployment.publish" if is_public else "deployment.hide",
        location=location,
        blur_radius_m=deployment.blur_radius_m,
    )
    return deployment
