"""Quotas: how much of a station's messages is taken at once, so that one station never costs the others.

Each station has a bucket of messages and one of bytes. They fill at the quota's rate up to the burst, which lets the
backlog of a week pass; what finds them empty waits in quarantine, counted in the ledger, and is taken later by a job.
A third bucket only leaks: it fills with what was over the quota and empties at `FLOOD` times the quota's rate. A station
that fills it is flooding.

The buckets lie on the contact row, which every batch locks and writes anyway: they are exact over any number of
workers and cost no statement of their own.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from fleet.ingest.delivery import Arrival

#: The reason of messages that wait because their station sends too much.
OVER_QUOTA = "over-quota"
OVER_QUOTA_SENTENCE = (
    "The station sends more than its quota. The message is kept here and taken by itself when there is room."
)
#: Times the quota beyond which a station floods, and seconds of that which fill its bucket.
FLOOD, FLOOD_S = 20.0, 20.0
#: Never held: it is what a person waits for, and one command brings three of them.
_EXEMPT = frozenset({"command_status"})


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
    return Buckets(
        min(messages, quota.burst),
        min(octets, quota.bytes_burst),
        excess,
        moment,
        buckets.flooding_since if _is_flooding(excess, quota) else None,
    )


def quota_take(filled: Buckets, quota: Quota, sizes: Iterable[int], moment: datetime) -> tuple[list[bool], Buckets]:
    """Which of these messages (bodies of so many bytes, in order) are within the quota, and the buckets after that."""
    messages, octets, excess = filled.messages or 0.0, filled.bytes or 0.0, filled.excess
    # A large message weighs as many as the quota has for its bytes.
    usual = quota.bytes_per_hour / 3_600.0 / quota.messages_per_s if quota.messages_per_s else 0.0
    within: list[bool] = []
    for size in sizes:
        is_within = (not quota.messages_per_s or messages >= 1.0) and (not quota.bytes_per_hour or octets >= size)
        within.append(is_within)
        if is_within:
            messages -= 1.0
            octets -= size
        else:
            excess += max(1.0, size / usual) if usual else 1.0
    since = (filled.flooding_since or moment) if _is_flooding(excess, quota) else None
    # Fuller than full would take hours to leak.
    excess = min(excess, 2.0 * FLOOD * FLOOD_S * quota.messages_per_s)
    return within, Buckets(max(messages, 0.0), max(octets, 0.0), excess, moment, since)


def _is_flooding(excess: float, quota: Quota) -> bool:
    return quota.messages_per_s > 0 and excess > FLOOD * FLOOD_S * quota.messages_per_s


def quota_apply(
    arrivals: list[Arrival], buckets: dict[int, Buckets], quotas: dict[int, Quota], moment: datetime
) -> tuple[list[Arrival], list[Arrival]]:
    """Split a batch into what is taken and what waits, and leave the new state in `buckets`, by station id."""
    sizes: dict[int, list[int]] = {}
    for arrival in arrivals:
        sizes.setdefault(arrival.station.id, []).append(len(arrival.delivery.body))
    tight: dict[int, Iterable[bool]] = {}
    for station_id, sent in sizes.items():
        quota = quotas[station_id]
        filled = quota_fill(buckets[station_id], quota, moment)
        count, total = len(sent), sum(sent)
        has_room = (not quota.messages_per_s or (filled.messages or 0.0) >= count) and (
            not quota.bytes_per_hour or (filled.bytes or 0.0) >= total
        )
        if has_room:
            left = max((filled.messages or 0.0) - count, 0.0), max((filled.bytes or 0.0) - total, 0.0)
            buckets[station_id] = filled._replace(messages=left[0], bytes=left[1])
        else:
            within, buckets[station_id] = quota_take(filled, quota, sent, moment)
            tight[station_id] = iter(within)
    if not tight:
        return arrivals, []
    taken: list[Arrival] = []
    waits: list[Arrival] = []
    for arrival in arrivals:
        verdicts = tight.get(arrival.station.id)
        is_within = verdicts is None or next(iter(verdicts)) or arrival.message.envelope.kind in _EXEMPT
        (taken if is_within else waits).append(arrival)
    return taken, waits
