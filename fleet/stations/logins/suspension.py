"""Suspending a station that floods, and letting it in again with the credentials that it has.

    in service ──floods for `PATIENCE`, or an operator says so──▶ suspended ──an operator lifts it──▶ in service

Its login keeps its password and loses its rights; its connections are closed, as a channel that is open keeps the rights
it had. What it keeps meanwhile comes when it is let in again.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import DomainError
from fleet.organizations.access import Role, Viewer
from fleet.organizations.errors import NotAllowed
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import upload_logins_end
from fleet.stations.models import Credential, DeskQuota, LoginPurpose, Station, StationContact

_log = logging.getLogger(__name__)

#: So long a station floods before it is suspended; the backlog of a long absence is over by then.
PATIENCE = timedelta(seconds=30)
#: It must have sent so lately: one that has stopped needs no suspension.
LATELY = timedelta(seconds=15)
FLOODING = "flooding"


class NotSuspended(DomainError):
    """The station is not suspended."""


def station_suspend(*, station: Station, reason: str, moment: datetime) -> bool:
    """Take a station's rights and close its connections; False when it was suspended already."""
    with transaction.atomic():
        rows = Station.objects.filter(pk=station.pk, suspended_at=None, retired_at=None)
        if not rows.update(suspended_at=moment, suspended_reason=reason):
            return False
        audit_write(
            actor=None,
            organization_id=station.organization_id,
            action="station.suspend",
            subject=station.serial,
            detail={"reason": reason},
        )
    with BrokerAccess.open() as broker:
        for username in _logins(station):
            broker.user_silence(username)
    return True


def station_suspension_lift(*, viewer: Viewer, station: Station) -> None:
    """Give a suspended station its rights again, with a full quota. Raises `NotSuspended`."""
    if not viewer.may_station(Role.OPERATOR, station):
        raise NotAllowed(_("Letting %(serial)s in again takes the role operator.") % {"serial": station.serial})
    with transaction.atomic():
        if (
            not Station.objects.filter(pk=station.pk)
            .exclude(suspended_at=None)
            .update(suspended_at=None, suspended_reason="")
        ):
            raise NotSuspended(_("%(serial)s is not suspended.") % {"serial": station.serial})
        StationContact.objects.filter(station=station).update(
            flooding_since=None, quota_excess=0.0, quota_messages=None, quota_bytes=None, quota_reports=None
        )
        audit_write(
            actor=viewer.user,
            organization_id=station.organization_id,
            action="station.let_in",
            subject=station.serial,
            detail={"by": viewer.name},
        )
        with BrokerAccess.open() as broker:
            for username in _logins(station):
                broker.user_allow(username)


def floods_suspend() -> int:
    """Suspend every station that floods; return how many. A broker that does not answer is asked again next time."""
    moment = clock.now()
    flooding = Station.objects.filter(
        contact__flooding_since__lt=moment - PATIENCE,
        contact__quota_at__gt=moment - LATELY,
        suspended_at=None,
        retired_at=None,
    )
    suspended = 0
    for station in flooding.order_by("pk"):
        try:
            suspended += station_suspend(station=station, reason=FLOODING, moment=moment)
        except BrokerUnreachable as error:
            Station.objects.filter(pk=station.pk).update(suspended_at=None, suspended_reason="")
            _log.warning("%s could not be suspended on the broker and will be tried again: %s", station.serial, error)
    return suspended + _desks_end(moment)


def _desks_end(moment: datetime) -> int:
    """End the logins of desks that flood; their stations go on. Returns how many stations they are of."""
    flooding = DeskQuota.objects.filter(flooding_since__lt=moment - PATIENCE, at__gt=moment - LATELY)
    ended = 0
    for desk in flooding.select_related("station").order_by("pk"):
        with transaction.atomic():
            if not upload_logins_end(desk.station_id, moment):
                continue
            audit_write(
                actor=None,
                organization_id=desk.station.organization_id,
                action="station.revoke",
                subject=desk.station.serial,
                detail={"purpose": LoginPurpose.UPLOAD.value, "reason": FLOODING},
            )
            ended += 1
    return ended


def _logins(station: Station) -> list[str]:
    return list(Credential.objects.filter(station=station, revoked_at=None).values_list("username", flat=True))
