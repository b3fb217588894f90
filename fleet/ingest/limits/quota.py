"""Quotas: how much of a station's messages is taken at once, so that one station never costs the others.

Each station has a bucket of messages and one of bytes. They fill at the quota's rate up to the burst, which lets the
backlog of a week pass; what finds them empty waits in quarantine, counted in the ledger, and is taken later by a job.
A third bucket only leaks: it fills with what was over the quota and empties at `FLOOD` times the quota's rate. A station
that fills it is flooding.

A message weighs the bytes that it unpacks to, at least `ROW_WEIGHT` for each row that it leaves, and what reading it took
beyond the usual; one that is refused, repeated or kept apart weighs as much as one that is taken.

The buckets lie on the contact row, which every batch locks and writes anyway: they are exact over any number of
workers and cost no statement of their own.
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
    "The station sends more than its quota. The message is kept here and taken by itself when there is room."
)
UNREAD_SENTENCE = (
    "Reading this station's messages costs so much that others would wait for them. The message is kept here unread, and "
    "read and taken by itself when there is room."
)
#: Times the quota beyond which a station floods, and seconds of that which fill its bucket.
FLOOD, FLOOD_S = 20.0, 20.0
#: Bytes that a row weighs which the message leaves in the database.
ROW_WEIGHT = 64
#: A station's word about a command has a bucket of its own, whatever else the station sends: a person waits for it, and
#: one command brings three. So many at once, and a second; what is more waits as everything else does.
REPORT = "command_status"
REPORTS_BURST, REPORTS_PER_S = 300.0, 2.0


class Quota(NamedTuple):
    """Messages a second and how many at once, bytes an hour and how many at once; 0 is no limit."""

    messages_per_s: float
    burst: float
    bytes_per_hour: float
    bytes_burst: float


class Buckets(NamedTuple):
    """What is left of a station's quota at a moment; None where nothing was taken yet."""

    messages: float | None = None
    bytes: float | None = None
    excess: float = 0.0
    at: datetime | None = None
    flooding_since: datetime | None = None
    reports: float | None = None


def quota_default() -> Quota:
    """The quota of a station that has none of its own."""
    return Quota(
        settings.ROOST_QUOTA_MESSAGES_PER_S,
        settings.ROOST_QUOTA_BURST,
        settings.ROOST_QUOTA_BYTES_PER_HOUR,
        settings.ROOST_QUOTA_BYTES_BURST,
    )


def quota_fill(buckets: Buckets, quota: Quota, moment: datetime) -> Buckets:
    """The buckets as time has filled them."""
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
    """Which of these messages (by their weights, in order) are within the quota, and the buckets after that."""
    messages, octets, excess = filled.messages or 0.0, filled.bytes or 0.0, filled.excess
    # A large message weighs as many as the quota has for its bytes.
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
    # Fuller than full would take hours to leak.
    excess = min(excess, 2.0 * FLOOD * FLOOD_S * quota.messages_per_s)
    return within, Buckets(max(messages, 0.0), max(octets, 0.0), excess, moment, since, filled.reports)


def _is_flooding(excess: float, quota: Quota) -> bool:
    return quota.messages_per_s > 0 and excess > FLOOD * FLOOD_S * quota.messages_per_s


def payer_of(station_id: int, exchange: str) -> int:
    """Whose quota a message weighs on: its station's, or that of the station's desks, told by a minus."""
    return -station_id if is_upload(exchange) else station_id


class Split(NamedTuple):
    """What becomes of a batch by its stations' quotas: what is taken, what waits, and the payers with something beyond."""

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
    """Split a batch into what is taken and what waits, and leave the new state in `buckets`, by payer.

    `spent` are the weights, by payer, of what came as well and has nothing to be decided: what was refused, what was
    here already, what waits for another reason. Reading it cost as much.
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
                if not is_within and arrival.message.envelope.kind != REPORT
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
    """The ids of the Python objects of those reports for which their own bucket has no room."""
    reports = [arrival for arrival in arrivals if arrival.message.envelope.kind == REPORT]
    return {id(arrival) for arrival in reports[int(filled.reports or 0.0) :]} if reports else set()


def _reports_left(arrivals: list[Arrival], filled: Buckets) -> float:
    reports = sum(arrival.message.envelope.kind == REPORT for arrival in arrivals)
    return max((filled.reports or 0.0) - reports, 0.0)
