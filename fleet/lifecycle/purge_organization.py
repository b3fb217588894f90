"""Purging a deleted organization after 30 days, and counting beforehand what will be deleted with it."""

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import ProtectedError, Sum

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Unavailable
from fleet.core.models import AuditEntry
from fleet.core.outbox import job_ask
from fleet.deployments.models import Deployment, Site
from fleet.forward.taps.reconcile import taps_purge
from fleet.lifecycle.erase_station import ERASE_JOB, station_hide
from fleet.organizations.access import Viewer
from fleet.organizations.deletion import GRACE
from fleet.organizations.invitations import invitations_prune
from fleet.organizations.members import owner_require
from fleet.organizations.models import ApiKey, Membership, Organization
from fleet.stations.logins.enrolment import RECONCILE_JOB
from fleet.stations.models import Station
from fleet.telemetry.models import Series, StreamLedger, UnsequencedCount

_log = logging.getLogger(__name__)

#: Audit log entries deleted per transaction.
_STEP = 5_000


@dataclass(frozen=True, slots=True)
class Belongings:
    """Numbers of rows deleted with an organization. Each message has readings or detections."""

    stations: int
    sites: int
    deployments: int
    series: int
    messages: int
    keys: int
    members: int


def organization_belongings(*, viewer: Viewer, organization: Organization) -> Belongings:
    """Count what belongs to the organization, for owners. It counts messages, as there may be a billion readings."""
    owner_require(viewer, organization)
    numbered = StreamLedger.objects.filter(station__organization=organization).aggregate(n=Sum("messages"))["n"]
    plain = UnsequencedCount.objects.filter(station__organization=organization).aggregate(n=Sum("messages"))["n"]
    return Belongings(
        stations=Station.objects.filter(organization=organization).count(),
        sites=Site.objects.filter(organization=organization).count(),
        deployments=Deployment.objects.filter(site__organization=organization).count(),
        series=Series.objects.filter(station__organization=organization).count(),
        messages=(numbered or 0) + (plain or 0),
        keys=ApiKey.objects.filter(organization=organization, revoked=False).count(),
        members=Membership.objects.filter(organization=organization).count(),
    )


def organizations_end() -> int:
    """Purge organizations whose 30 days are over; return how many are gone. Can be called repeatedly.

    1. Their stations are marked as deleted and lose their logins; a separate job erases them with all they sent.
    2. Once none is left, the organization is deleted with everything else.
    """
    invitations_prune()
    gone = 0
    for organization in organizations_to_purge():
        if _stations_end(organization):
            continue
        gone += organization_purge(organization=organization)
    return gone


@transaction.atomic
def _stations_end(organization: Organization) -> bool:
    """Mark all stations as deleted; return whether any are left."""
    stations = Station.objects.filter(organization=organization)
    moment = clock.now()
    marked = list(stations.filter(deleted_at=None).order_by("pk").values_list("pk", flat=True))
    for station_id in marked:
        station_hide(station_id=station_id, moment=moment)
    if marked:
        job_ask(RECONCILE_JOB)
        job_ask(ERASE_JOB)
    if stations.exists():
        return True
    # Deployments that are left at its sites are of stations that now belong to other organizations.
    Deployment.objects.filter(site__organization=organization).delete()
    return False


def organizations_to_purge() -> list[Organization]:
    """Organizations whose 30 days are over, oldest first."""
    return list(Organization.objects.filter(deleted_at__lte=clock.now() - GRACE).order_by("deleted_at", "id"))


def organization_purge(*, organization: Organization) -> bool:
    """Delete the row and everything attached once its stations are gone. False while some are left: try again later."""
    due = Organization.objects.filter(pk=organization.pk, deleted_at__lte=clock.now() - GRACE)
    if not due.exists():
        return False
    try:
        # Taps go first: another organization may get this short name, and a tap left behind would read its events.
        taps_purge(organization=organization)
    except Unavailable as error:
        _log.warning("Taps of %s could not be removed; Roost will try again: %s", organization.slug, error)
        return False
    while _audit_step(organization):
        pass
    try:
        with transaction.atomic():
            gone, _rows = due.delete()
            if gone:
                audit_write(
                    actor=None,
                    organization_id=None,
                    action="organization.purge",
                    subject=organization.name,
                    detail={"slug": organization.slug},
                )
    except ProtectedError:
        return False
    return bool(gone)


def _audit_step(organization: Organization) -> int:
    some = AuditEntry.objects.filter(organization_id=organization.pk).values_list("id", flat=True)[:_STEP]
    gone, _rows = AuditEntry.objects.filter(id__in=list(some)).delete()
    return gone
