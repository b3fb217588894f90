"""Totals by state of a station's files: counted at once for a small card, by a job every few minutes for a large one.

Counting 100,000 files takes half a second, too long for people who open the page.
"""

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import F

from fleet.core import clock
from fleet.core.locks import session_lock
from fleet.holdings.models import StationHolding
from fleet.holdings.policy import FetchRule, rule_of_station
from fleet.holdings.selectors import StateSum, held_sums
from fleet.stations.models import Station

_log = logging.getLogger(__name__)

#: A card with up to this many files that no longer change is small.
SMALL_MOST = 2_000
#: How old a large card's totals get before the job counts again, and seconds after which a run ends.
EVERY, RUN_S = timedelta(minutes=5), 20.0

Sums = dict[tuple[str, str], StateSum]


@dataclass(frozen=True, slots=True)
class HeldSums:
    """Files by state and reason, and when they were counted."""

    sums: Sums
    at: datetime


def sums_shown(*, station: Station, rule: FetchRule, holding: StationHolding | None) -> HeldSums:
    """The totals for a page: the job's last ones if the card is large and the policy unchanged, else counted now."""
    if (
        holding is not None
        and holding.held > SMALL_MOST
        and holding.summed_at is not None
        and holding.summed_for == _words(rule)
    ):
        counted = {(state, why): StateSum(files, octets) for state, why, files, octets in holding.sums}
        return HeldSums(counted, holding.summed_at)
    return HeldSums(held_sums(station=station, rule=rule), clock.now())


def sums_count(*, moment: datetime) -> int:
    """Count large cards again, the oldest count first; return how many. Only one process at a time does this."""
    counted = 0
    with session_lock("roost.holdings.sums") as is_ours:
        if not is_ours:
            return 0
        until = time.monotonic() + RUN_S
        large = StationHolding.objects.filter(held__gt=SMALL_MOST, station__deleted_at=None)
        found = large.exclude(summed_at__gt=moment - EVERY).order_by(F("summed_at").asc(nulls_first=True))
        for holding in found.select_related("station").iterator(chunk_size=100):
            if time.monotonic() > until:
                # The next run continues with the cards that waited longest.
                break
            counted += _count(holding)
    return counted


def _count(holding: StationHolding) -> int:
    rule, began = rule_of_station(holding.station), clock.now()
    try:
        sums = held_sums(station=holding.station, rule=rule)
    except DatabaseError:
        # One station's trouble must not stop the others; its page says when it was last counted.
        _log.exception("The files of %s were not counted.", holding.station.serial)
        return 0
    rows = [[state, why, each.files, each.octets] for (state, why), each in sums.items()]
    return StationHolding.objects.filter(pk=holding.pk).update(sums=rows, summed_at=began, summed_for=_words(rule))


def _words(rule: FetchRule) -> str:
    return str(rule)[:300]
