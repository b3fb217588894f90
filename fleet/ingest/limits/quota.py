"""Quotas: how many messages of a station are accepted immediately, so that no station delays the others.

Each station has a bucket of messages and one of bytes. They fill at the quota's rate up to the burst, which lets the
backlog of a week pass. Messages that find them empty wait in quarantine, counted in the ledger, and are accepted later
by a job. A third bucket only leaks: it fills with what exceeded the quota and empties at `FLOOD` times the quota's
rate. A station that fills it is flooding.

A message weighs the bytes that it unpacks to, at least `ROW_WEIGHT` for each row that it leaves, plus what reading it
cost beyond the usual. Refused and repeated messages, and those kept apart, weigh as much as accepted ones.

The buckets are in the contact row, which every batch locks and writes anyway: they are exact with any number of workers
and need no statements of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from fleet.ingest.delivery import Arrival
from message_queue.routing import is_upload

#: The reason of messages that wait because their station sends too much.
OVER_QUOTA = "over-quota"
OVER_QUOTA_SENTENCE = (
    "The station sends more than its quota. The message is kept here and accepted automatically once there is room."
)
UNREAD_SENTENCE = (
    "Reading this station's messages is so expensive that others would have to wait. The message is kept here unread, "
    "and is read and accepted automatically once there is room."
)
#: A station floods beyond this multiple of its quota; its leaking bucket holds this many seconds at that rate.
FLOOD, FLOOD_S = 20.0, 20.0
#: Weight, in bytes, of each row that a message leaves in the database.
ROW_WEIGHT = 64
#: Burst and rate per second of reports about commands. People wait for these, so they have a bucket of their own: one
#: command causes three. Reports beyond these limits wait like all other messages.
REPORTS_BURST, REPORTS_PER_S = 300.0, 2.0


class Quota(NamedTuple):
    """Messages per second and burst, bytes per hour and burst; 0 is unlimited."""

    messages_per_s: float
    burst: float
    bytes_per_hour: float
    bytes_burst: float


class Buckets(NamedTuple):
    """Remaining quota of a station at a moment; None if nothing was ever taken."""

    messages: float | None = None
    bytes: float | None = None
    excess: float = 0.0
    at: datetime | None = None
    flooding_since: datetime | None = None
    reports: float | None = None


def quota_default() -> Quota:
    """The quota of stations without one of their own."""
    return Quota(
        settings.ROOST_QUOTA_MESSAGES_PER_S,
        settings.ROOST_QUOTA_BURST,
        settings.ROOST_QUOTA_BYTES_PER_HOUR,
        settings.ROOST_QUOTA_BYTES_BURST,
    )


def quota_fill(buckets: Buckets, quota: Quota, moment: datetime) -> Buckets:
    """The buckets as refilled up to `moment`."""
    passed = max((moment - buckets.at).total_seconds(), 0.0) if buckets.at else 0.0
    messages = quota.burst if buckets.messages is None else buckets.messages + passed * quota.messages_per_s
    octets = quota.bytes_burst if buckets.bytes is None else buckets.bytes + passed * quota.bytes_per_hour / 3_600.0
    excess = max(buckets.excess - passed * FLOOD * quota.messages_per_s, 0.0)
    reports = REPORTS_BURST if buckets.reports is None else buckets.reports + passed * REPORTS_PER_S
    return Buckets(
        min(messages, quota.burst),
        min(octets, quota.bytes_burst),
        excess,
        moment,
        buckets.flooding_since if _is_flooding(excess, quota) else None,
        min(reports, REPORTS_BURST),
    )


def quota_take(filled: Buckets, quota: Quota, weights: Iterable[int], moment: datetime) -> tuple[list[bool], Buckets]:
    """Whether each message, given by its weight, is within the quota, and the buckets afterwards."""
    messages, octets, excess = filled.messages or 0.0, filled.bytes or 0.0, filled.excess
    # A large message counts as many messages as the quota allows for its bytes.
    usual = quota.bytes_per_hour / 3_600.0 / quota.messages_per_s if quota.messages_per_s else 0.0
    within: list[bool] = []
    for weight in weights:
        is_within = (not quota.messages_per_s or messages >= 1.0) and (not quota.bytes_per_hour or octets >= weight)
        within.append(is_within)
        if is_within:
            messages -= 1.0
            octets -= weight
        else:
            excess += max(1.0, weight / usual) if usual else 1.0
    since = (filled.flooding_since or moment) if _is_flooding(excess, quota) else None
    # An overfull bucket would take hours to leak.
    excess = min(excess, 2.0 * FLOOD * FLOOD_S * quota.messages_per_s)
    return within, Buckets(max(messages, 0.0), max(octets, 0.0), excess, moment, since, filled.reports)


def _is_flooding(excess: float, quota: Quota) -> bool:
    return quota.messages_per_s > 0 and excess > FLOOD * FLOOD_S * quota.messages_per_s


def payer_of(station_id: int, exchange: str) -> int:
    """The payer for a message: its station's id, or the negated id for the station's desks."""
    return -station_id if is_upload(exchange) else station_id


class Split(NamedTuple):
    """A batch split by quotas: accepted messages, waiting messages, and payers with something over quota."""

    taken: list[Arrival]
    waits: list[Arrival]
    beyond: set[int]


def quota_apply(
    arrivals: list[Arrival],
    spent: Mapping[int, Sequence[int]],
    buckets: dict[int, Buckets],
    quotas: Mapping[int, Quota],
    moment: datetime,
) -> Split:
    """Split a batch into accepted and waiting messages, and leave the new state in `buckets`, by payer.

    `spent` holds, by payer, the weights of other messages that also arrived but are decided already: refused, repeated,
    or waiting for another reason. Reading them cost as much.
    """
    sent: dict[int, list[Arrival]] = {station_id: [] for station_id in spent}
    for arrival in arrivals:
        sent.setdefault(payer_of(arrival.station.id, arrival.delivery.exchange), []).append(arrival)
    held: set[int] = set()
    beyond: set[int] = set()
    for station_id, those in sent.items():
        quota, before = quotas[station_id], spent.get(station_id, ())
        filled = quota_fill(buckets[station_id], quota, moment)
        waits = _reports_beyond(those, filled)
        weights = [*before, *(arrival.weight for arrival in those)]
        count, total = len(weights), sum(weights)
        has_room = (not quota.messages_per_s or (filled.messages or 0.0) >= count) and (
            not quota.bytes_per_hour or (filled.bytes or 0.0) >= total
        )
        if has_room:
            left = max((filled.messages or 0.0) - count, 0.0), max((filled.bytes or 0.0) - total, 0.0)
            buckets[station_id] = filled._replace(messages=left[0], bytes=left[1])
        else:
            within, buckets[station_id] = quota_take(filled, quota, weights, moment)
            waits |= {
                id(arrival)
                for arrival, is_within in zip(those, within[len(before) :], strict=True)
                if not is_within and not arrival.message.contract.is_awaited
            }
            beyond.add(station_id)
        buckets[station_id] = buckets[station_id]._replace(reports=_reports_left(those, filled))
        if waits:
            held |= waits
            beyond.add(station_id)
    if not held:
        return Split(arrivals, [], beyond)
    taken = [arrival for arrival in arrivals if id(arrival) not in held]
    return Split(taken, [arrival for arrival in arrivals if id(arrival) in held], beyond)


def _reports_beyond(arrivals: list[Arrival], filled: Buckets) -> set[int]:
    """The `id()` of reports for which the reports' own bucket has no room."""
    reports = [arrival for arrival in arrivals if arrival.message.contract.is_awaited]
    return {id(arrival) for arrival in reports[int(filled.reports or 0.0) :]} if reports else set()


def _reports_left(arrivals: list[Arrival], filled: Buckets) -> float:
    reports = sum(arrival.message.contract.is_awaited for arrival in arrivals)
    return max((filled.reports or 0.0) - reports, 0.0)
