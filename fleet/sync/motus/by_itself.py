"""Stations that upload to Motus by themselves: recognised by Motus' list of files, left alone; people can decide."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from fleet.sync.models import MotusAccount, MotusReceiver, MotusUpload

State = MotusUpload.State
#: Motus has files of at least so many of the last days that were not sent from here: nobody reads a card that often.
NOTICED_DAYS: Final = 3
NOTICED_WITHIN: Final = timedelta(days=7)


def by_itself_notice(
    receiver: MotusReceiver, *, theirs: Mapping[date, int], ours: Collection[date], moment: datetime
) -> None:
    """Set `is_by_itself` if recent files at Motus are not ours, and hold waiting uploads. A person's decision stays."""
    if receiver.decided_at is not None or receiver.is_by_itself:
        return
    recent = [day for day in theirs if moment.date() - NOTICED_WITHIN <= day <= moment.date() and day not in ours]
    if len(recent) < NOTICED_DAYS:
        return
    # A person may have decided since the receiver was read.
    row = MotusReceiver.objects.filter(pk=receiver.pk, decided_at=None)
    if row.update(is_by_itself=True, noticed_at=moment):
        receiver.is_by_itself, receiver.noticed_at = True, moment
        _hold(receiver)


def by_itself_serials(account: MotusAccount) -> set[str]:
    """Serials of the stations that upload by themselves, so that Roost leaves them alone."""
    return set(MotusReceiver.objects.filter(account=account, is_by_itself=True).values_list("serial", flat=True))


def receiver_of(station: Station) -> MotusReceiver | None:
    """A station's row as a receiver at Motus, or None. It checks no rights."""
    return (
        MotusReceiver.objects.filter(account__organization=station.organization_id, serial=station.serial)
        .exclude(account__login="")
        .first()
    )


@transaction.atomic
def by_itself_decide(*, actor: Viewer, station: Station, is_by_itself: bool) -> None:
    """Say who sends a station's files: the station itself, or Roost. Raises `Forbidden` and `Conflict`."""
    actor.require(Role.OPERATOR, station=station, to=_("decide who sends the files of %(serial)s"))
    account = MotusAccount.objects.filter(organization=station.organization_id).exclude(login="").first()
    if account is None:
        raise Conflict(_("This organization has no login at Motus."))
    receiver, _is_new = MotusReceiver.objects.get_or_create(account=account, serial=station.serial)
    receiver.is_by_itself, receiver.decided_at = is_by_itself, clock.now()
    receiver.decided_by_name = actor.name[:150]
    receiver.save(update_fields=["is_by_itself", "decided_at", "decided_by_name"])
    if is_by_itself:
        _hold(receiver)
    audit(actor, station, "motus.by_itself" if is_by_itself else "motus.by_roost")


def _hold(receiver: MotusReceiver) -> None:
    waiting = MotusUpload.objects.filter(
        account=receiver.account_id, serial=receiver.serial, state__in=(State.FOUND, State.QUEUED), transfer_at=None
    )
    waiting.update(
        state=State.HELD,
        held_for=MotusUpload.HeldFor.STATION,
        sentence=_("The station sends its files to Motus by itself, so Roost leaves them alone."),
    )
