"""Quotas of desks. Each has its own buckets beside the station's, so that reading a card never costs the station.

The buckets are in a table of their own, which only batches with uploads read; the lock on the station's contact
protects them. In `fleet.ingest.limits.quota` a desk's payer is its station's id, negated.
"""

from collections.abc import Iterable

from fleet.ingest.database import cursor, moments, numbers
from fleet.ingest.limits.quota import Buckets, Quota

#: A card holds a season, and a person waits for it, so a desk gets this many times the quota of its station.
DESK_FACTOR = 10.0


def desk_quota(quota: Quota) -> Quota:
    """The desk's quota for a station with this quota."""
    return Quota(*(limit * DESK_FACTOR for limit in quota))


def desks_read(station_ids: Iterable[int]) -> dict[int, Buckets]:
    """Remaining quotas of the desks, by payer."""
    asked = sorted(station_ids)
    rows = cursor().execute(
        "SELECT station_id, messages, bytes, excess, at, flooding_since FROM stations_deskquota "
        "WHERE station_id = ANY(%s::bigint[])",
        [numbers(asked)],
        binary=True,
    )
    known = {row[0]: Buckets(*row[1:]) for row in rows.fetchall()}
    return {-station_id: known.get(station_id, Buckets()) for station_id in asked}


def desks_write(left: dict[int, Buckets]) -> None:
    """Store the remaining quotas of desks, by payer."""
    if not left:
        return
    payers = sorted(left)
    cursor().execute(
        "INSERT INTO stations_deskquota (station_id, messages, bytes, excess, at, flooding_since) "
        "SELECT n.* FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::timestamptz[], "
        "%s::timestamptz[]) AS n(id, messages, bytes, excess, at, flooding) ON CONFLICT (station_id) DO UPDATE SET "
        "messages = excluded.messages, bytes = excluded.bytes, excess = excluded.excess, at = excluded.at, "
        "flooding_since = excluded.flooding_since",
        [
            numbers([-payer for payer in payers]),
            *(numbers([getattr(left[payer], name) for payer in payers]) for name in ("messages", "bytes", "excess")),
            *(moments([getattr(left[payer], name) for payer in payers]) for name in ("at", "flooding_since")),
        ],
    )
