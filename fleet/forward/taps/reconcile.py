"""Bringing the taps on the broker in line with the database, and removing those of an organization that is purged."""

import logging
from dataclasses import dataclass, field

from django.db import transaction

from fleet.core.errors import Unavailable
from fleet.forward.models import Tap
from fleet.forward.taps.broker import TapBroker, TapsThere, tap_keys
from fleet.organizations.models import Organization
from fleet.stations.errors import BrokerUnreachable
from message_queue import routing, topology

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class TapRepairs:
    """Queues of taps that were repaired, that were removed because they had no row, or that could not be either."""

    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def taps_reconcile() -> TapRepairs:
    """Make what is missing, put right what differs, remove what has no row. Raises `BrokerUnreachable`.

    The broker is asked first, and only then the database, so that a tap that is added in between is not removed. A
    login that the broker has lost is made again with the hash of its secret, so its program goes on as before.
    """
    repairs = TapRepairs()
    with TapBroker.open() as broker:
        there = broker.taps_there()
        wanted = {tap.queue: tap for tap in taps_wanted()}
        # Another server may share the broker: only logins with rights in our vhost are ours.
        for queue in sorted((there.queues | there.permissions.keys()) - wanted.keys()):
            try:
                broker.tap_delete(queue)
            except BrokerUnreachable:
                raise
            except Unavailable as error:
                _log.error("The tap %s could not be removed from the broker: %s", queue, error)
                repairs.failed.append(queue)
            else:
                repairs.removed.append(queue)
        for tap in wanted.values():
            if not _is_whole(there, tap):
                _repair(broker, tap, repairs, has_strays=bool(there.keys.get(tap.queue, set()) - tap_keys(tap)))
    if repairs.made or repairs.removed or repairs.failed:
        _log.warning("The taps on the broker differed from the database: %s", repairs)
    return repairs


def taps_wanted() -> list[Tap]:
    """The taps that should be on the broker: not those of a deleted organization, until it is restored."""
    return list(Tap.objects.filter(organization__deleted_at=None).select_related("organization").order_by("pk"))


def taps_purge(*, organization: Organization) -> None:
    """Remove an organization's taps from the broker before its short name may be used again. Raises `Unavailable`."""
    queues = list(Tap.objects.filter(organization=organization).order_by("pk").values_list("queue", flat=True))
    if not queues:
        return
    with TapBroker.open() as broker:
        for queue in queues:
            broker.tap_delete(queue)
    Tap.objects.filter(organization=organization).delete()


@transaction.atomic
def _repair(broker: TapBroker, tap: Tap, repairs: TapRepairs, *, has_strays: bool) -> None:
    # Read the row again: its secret may have been renewed, or the tap deleted, since.
    rows = Tap.objects.select_for_update(of=("self",)).select_related("organization")
    found = rows.filter(pk=tap.pk, organization__deleted_at=None).first()
    if found is None:
        return
    try:
        if has_strays:
            # Somebody bound it to events that it must not get, which may already be in it.
            broker.tap_delete(found.queue)
        broker.tap_ensure(found)
    except BrokerUnreachable:
        raise
    except Unavailable as error:
        _log.error("The tap %s could not be repaired on the broker: %s", tap.queue, error)
        repairs.failed.append(tap.queue)
    else:
        repairs.made.append(tap.queue)


def _is_whole(there: TapsThere, tap: Tap) -> bool:
    rights = routing.tap_permissions(tap.queue)
    return (
        tap.queue in there.queues
        and there.keys.get(tap.queue, set()) == tap_keys(tap)
        and there.hashes.get(tap.queue) == tap.secret_hash
        and there.permissions.get(tap.queue) == (rights["configure"], rights["write"], rights["read"])
        and there.limits.get(tap.queue) == topology.TAP_LIMITS
    )
