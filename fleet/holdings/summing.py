"""Sums by state of what a station holds: counted at once for a small card, by a job every few minutes for a large one.

To count 100,000 files takes half a second: nobody who opens the page waits for that.
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

#: Files at rest up to which a card is small.
SMALL_MOST = 2_000
#: How old sums of a large card become before the job counts them again, and seconds after which a run ends.
EVERY, RUN_S = timedelta(minutes=5), 20.0

Sums = dict[tuple[str, str], StateSum]


@dataclass(frozen=True, slots=True)
class HeldSums:
    """Files by state and reason, and when they were counted."""

    sums: Sums
    at: datetime


def sums_shown(*, station: Station, rule: FetchRule, holding: StationHolding | None) -> HeldSums:
    """The sums for a page: those that the job counted last, if the card is large and the policy still the same."""
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
    """Count large cards again, the longest not counted first; return how many. One process at a time does it."""
    counted = 0
    with session_lock("roost.holdings.sums") as is_ours:
        if not is_ours:
            return 0
        until = time.monotonic() + RUN_S
        large = StationHolding.objects.filter(held__gt=SMALL_MOST, station__deleted_at=None)
        found = large.exclude(summed_at__gt=moment - EVERY).order_by(F("summed_at").asc(nulls_first=True))
        for holding in found.select_related("station").iterator(chunk_size=100):
            if time.monotonic() > until:
                # The next run goes on with those that waited longest.
                break
            counted += _count(holding)
    return counted


def _count(holding: StationHolding) -> int:
    rule, began = rule_of_station(holding.station), clock.now()
    try:
        sums = held_sums(station=holding.station, rule=rule)
    except DatabaseError:
        # One station's trouble is not that of the others; its page says when it was counted last.
        _log.exception("The files of %s were not counted.", holding.station.serial)
        return 0
    rows = [[state, why, each.files, each.octets] for (state, why), each in sums.items()]
    return StationHolding.objects.filter(pk=holding.pk).update(sums=rows, summed_at=began, summed_for=_words(rule))


def _words(rule: FetchRule) -> str:
    return str(rule)[:300]
