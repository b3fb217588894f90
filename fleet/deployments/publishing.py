"""Making a deployment's place public, and saying how exactly and from when it is told."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput
from fleet.deployments.models import Deployment
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed

#: A circle of less hides nothing, one of more tells nothing, in metres.
BLUR_LEAST_M, BLUR_MOST_M = 100.0, 200_000.0


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
    if not actor.may(Role.OPERATOR, deployment.station.organization_id):
        raise NotAllowed(_("Publishing a place takes the role operator."))
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
    deployment.is_public = is_public
    deployment.location = location
    deployment.blur_radius_m = blur_radius_m if location == Deployment.Location.BLURRED else None
    deployment.withheld_until = withheld_until if location == Deployment.Location.WITHHELD else None
    deployment.is_serial_public = is_serial_public
    fields = ["is_public", "location", "blur_radius_m", "withheld_until", "is_serial_public"]
    deployment.save(update_fields=fields)
    audit_write(
        actor=actor.user,
        organization_id=deployment.station.organization_id,
        action="deployment.publish" if is_public else "deployment.hide",
        subject=f"{deployment.station.serial} at {deployment.site.name}",
        detail={"location": location, "blur_radius_m": deployment.blur_radius_m, "by": actor.name},
    )
    return deployment
