"""Suspending stations that flood, and letting them in again with their existing credentials.

    in service ──floods for `PATIENCE`, or fills its quarantine──▶ suspended ──an operator lifts it──▶ in service

The login keeps its password and loses its rights; its connections are closed, as an open channel keeps its old rights.
What the station stores meanwhile arrives when it is let in again.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, Unavailable
from fleet.organizations.access import Role, Viewer
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import upload_logins_end
from fleet.stations.models import Credential, DeskQuota, LoginPurpose, Station, StationContact

_log = logging.getLogger(__name__)

#: How long a station must flood before it is suspended; sending the backlog of a long absence takes less.
PATIENCE = timedelta(seconds=30)
#: It must have sent this recently: a station that has stopped needs no suspension.
LATELY = timedelta(seconds=15)
FLOODING = "flooding"


def station_suspend(*, station: Station, reason: str, moment: datetime) -> bool:
    """Remove a station's rights and close its connections; False if it was already suspended or is retired."""
    with transaction.atomic():
        rows = Station.objects.filter(pk=station.pk, suspended_at=None, retired_at=None)
        if not rows.update(suspended_at=moment, suspended_reason=reason):
            return False
        audit(None, station, "station.suspend", reason=reason)
    with BrokerAccess.open() as broker:
        for username in _logins(station):
            broker.user_silence(username)
    return True


def station_suspension_lift(*, viewer: Viewer, station: Station) -> None:
    """Give a suspended station its rights back, with a full quota. Raises `Conflict`."""
    viewer.require(Role.OPERATOR, station=station, to=_("let %(serial)s in again"))
    with transaction.atomic():
        if (
            not Station.objects.filter(pk=station.pk)
            .exclude(suspended_at=None)
            .update(suspended_at=None, suspended_reason="")
        ):
            raise Conflict(_("%(serial)s is not suspended.") % {"serial": station.serial})
        StationContact.objects.filter(station=station).update(
            flooding_since=None, quota_excess=0.0, quota_messages=None, quota_bytes=None, quota_reports=None
        )
        audit(viewer, station, "station.let_in")
        with BrokerAccess.open() as broker:
            for username in _logins(station):
                broker.user_allow(username)


def floods_suspend() -> int:
    """Suspend flooding stations and end the logins of flooding desks; return how many. Failures are retried later."""
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
        except Unavailable as error:
            # Go on even if the broker refuses one login: the next station floods it just as much.
            Station.objects.filter(pk=station.pk).update(suspended_at=None, suspended_reason="")
            _log.error("%s could not be suspended on the broker; Roost will try again: %s", station.serial, error)
    return suspended + _desks_end(moment)


def _desks_end(moment: datetime) -> int:
    """End the logins of desks that flood; their stations stay in service. Returns the number of these stations."""
    flooding = DeskQuota.objects.filter(flooding_since__lt=moment - PATIENCE, at__gt=moment - LATELY)
    ended = 0
    for desk in flooding.select_related("station").order_by("pk"):
        with transaction.atomic():
            if not upload_logins_end(desk.station_id, moment):
                continue
            audit(None, desk.station, "station.revoke", purpose=LoginPurpose.UPLOAD.value, reason=FLOODING)
            ended += 1
    return ended


def _logins(station: Station) -> list[str]:
    return list(Credential.objects.filter(station=station, revoked_at=None).values_list("username", flat=True))
