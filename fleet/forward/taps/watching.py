"""Watching the taps: what waits in them, who reads them, and how many events they dropped.

    a tap is full, or an event too old ─▶ the broker moves the event to `taps.dropped` ─▶ it is counted here and removed

RabbitMQ itself counts no dropped messages of a queue. Nothing of this is done while nobody has a tap.
"""

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import F

from fleet.core import clock
from fleet.forward.models import Tap
from fleet.forward.taps.broker import TapBroker, TapSeen
from fleet.forward.taps.reconcile import taps_reconcile, taps_wanted
from message_queue.dropped import DropCounts, dropped_take
from message_queue.errors import BrokerAway

_log = logging.getLogger(__name__)

#: Column for each reason that the broker gives. An event that a reader rejected counts as read.
_COLUMNS = {"maxlen": "dropped", "expired": "expired"}


def taps_watch() -> int:
    """Record what the broker reports of each tap; return how many there are. Raises `BrokerUnreachable`."""
    if not Tap.objects.exists():
        return 0
    with TapBroker.open() as broker:
        seen = broker.taps_seen()
        taps = taps_wanted()
        for tap in taps:
            if tap.queue in seen:
                _write(tap, seen[tap.queue])
                if seen[tap.queue].unconfirmed > tap.messages_most:
                    # The broker limits waiting events, not those that a reader holds. Once put back, they are limited.
                    _log.warning("The reader of tap %s confirms nothing and is disconnected.", tap.queue)
                    broker.readers_disconnect(tap.queue)
    _dropped_count()
    if seen.keys() != {tap.queue for tap in taps}:
        taps_reconcile()
    return len(taps)


def _write(tap: Tap, seen: TapSeen) -> None:
    # A smaller count than the last one: the broker has restarted, and counts from zero.
    more = seen.taken - tap.taken_there if seen.taken >= tap.taken_there else seen.taken
    moment = clock.now()
    Tap.objects.filter(pk=tap.pk).update(
        waiting=seen.waiting,
        waiting_bytes=seen.waiting_bytes,
        unconfirmed=seen.unconfirmed,
        readers=seen.readers,
        seen_at=moment,
        taken=F("taken") + more,
        taken_there=seen.taken,
        last_taken_at=moment if more else tap.last_taken_at,
    )


def _dropped_count() -> None:
    try:
        if dropped_take(settings.ROOST_COMMAND_BROKER_URL, _dropped_write):
            _log.warning("Taps dropped more events than could be counted: their counts are at least.")
            Tap.objects.update(is_at_least=True)
    except BrokerAway as error:
        _log.warning("Dropped events of taps were not counted; Roost will try again: %s", error)


@transaction.atomic
def _dropped_write(counts: DropCounts) -> None:
    moment = clock.now()
    for (queue, reason), number in sorted(counts.items()):
        column = _COLUMNS.get(reason)
        if column is not None:
            Tap.objects.filter(queue=queue).update(**{column: F(column) + number}, last_dropped_at=moment)
