"""Making a deployment's place public, and saying how exactly and from when it is told."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput, NotFound
from fleet.deployments.models import Deployment
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.stations.models import Station

#: A circle of less hides nothing, one of more tells nothing, in metres.
BLUR_LEAST_M, BLUR_MOST_M = 100.0, 200_000.0
#: What everybody may know, as the deployment holds it.
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
    """Show a place to everybody, or to members only again. Raises `InvalidInput` naming the field."""
    _operator_check(deployment.station, actor)
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
            _("A blurred place has a radius of %(least)d to %(most)d metres.")
            % {"least": BLUR_LEAST_M, "most": BLUR_MOST_M},
            field="blur_radius_m",
        )
    # The station first, as whatever moves it does; whose it is may have changed until now.
    station = Station.objects.select_for_update().get(pk=deployment.station_id)
    _operator_check(station, actor)
    changed = Deployment.objects.filter(pk=deployment.pk).update(
        is_public=is_public,
        location=location,
        blur_radius_m=blur_radius_m if location == Deployment.Location.BLURRED else None,
        withheld_until=withheld_until if location == Deployment.Location.WITHHELD else None,
        is_serial_public=is_serial_public,
    )
    if not changed:
        raise NotFound(_("This deployment is no longer on record."))
    deployment.refresh_from_db(fields=["station", "site", "period", *PUBLICATION])
    audit_write(
        actor=actor.user,
        organization_id=station.organization_id,
        action="deployment.publish" if is_public else "deployment.hide",
        subject=f"{station.serial} at {deployment.site.name}",
        detail={"location": location, "blur_radius_m": deployment.blur_radius_m, "by": actor.name},
    )
    return deployment


def _operator_check(station: Station, actor: Viewer) -> None:
    if not actor.may(Role.OPERATOR, station.organization_id):
        raise NotAllowed(_("Publishing a place takes the role operator."))
