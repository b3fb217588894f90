"""Offering a station to another organization, with a code shown once that the other side types in."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, NotFound
from fleet.organizations.access import Role, Viewer
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import History, Station, StationTransfer

#: How long an offer is open.
LIFE = timedelta(days=7)


@transaction.atomic
def transfer_offer(*, actor: Viewer, station: Station, history: History) -> str:
    """Offer a station to whoever has the returned code. An earlier offer of it ends."""
    actor.require(
        Role.OPERATOR, organization=station.organization_id, to=_("give %(serial)s away"), serial=station.serial
    )
    station = Station.objects.select_for_update(no_key=True).get(pk=station.pk)
    if station.retired_at is not None:
        raise Conflict(_("%(serial)s is retired and cannot be moved.") % {"serial": station.serial})
    moment = clock.now()
    _open(station).update(withdrawn_at=moment)
    code = secrets.token_hex(16)
    StationTransfer.objects.create(
        station=station,
        code_hash=token_hash(code),
        history=history,
        offered_by=actor.user,
        offered_by_name=actor.name[:150],
        offered_at=moment,
        expires_at=moment + LIFE,
    )
    audit(actor, station, "station.offer", history=history)
    return code


@transaction.atomic
def transfer_withdraw(*, actor: Viewer, station: Station) -> None:
    """Withdraw a station's open offer. Raises `NotFound` if there is none."""
    actor.require(
        Role.OPERATOR, organization=station.organization_id, to=_("give %(serial)s away"), serial=station.serial
    )
    if not _open(station).update(withdrawn_at=clock.now()):
        raise NotFound(_("%(serial)s is not offered to anybody.") % {"serial": station.serial})
    audit(actor, station, "station.offer_withdraw")


def transfer_open(*, station: Station) -> StationTransfer | None:
    """A station's open offer, if any."""
    return _open(station).filter(expires_at__gt=clock.now()).first()


def transfer_find(*, code: str) -> StationTransfer:
    """The open offer with this code. Raises `NotFound` with the same sentence for every other code."""
    found = (
        StationTransfer.objects.select_related("station__organization")
        .filter(
            code_hash=token_hash(code.strip().lower()),
            accepted_at=None,
            withdrawn_at=None,
            expires_at__gt=clock.now(),
            station__organization__deleted_at=None,
        )
        .first()
    )
    if found is None:
        raise NotFound(_("This code does not work: it is wrong, was used or withdrawn, or is older than 7 days."))
    return found


def _open(station: Station) -> QuerySet[StationTransfer]:
    return StationTransfer.objects.filter(station=station, accepted_at=None, withdrawn_at=None)
