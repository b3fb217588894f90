"""The quotas of desks: buckets of their own beside the station's, so that a card never costs the station in the field.

They lie in a table of their own, which only a batch with uploads reads; the lock of the station's contact guards them.
In `fleet.ingest.limits.quota` a desk pays under its station's id with a minus before it.
"""

from collections.abc import Iterable

from fleet.ingest.database import cursor, moments, numbers
from fleet.ingest.limits.quota import Buckets, Quota

#: A card holds a season, and a person waits beside it: so many times the quota of a station.
DESK_FACTOR = 10.0


def desk_quota(quota: Quota) -> Quota:
    """What a desk may send for a station of this quota."""
    return Quota(*(limit * DESK_FACTOR for limit in quota))


def desks_read(station_ids: Iterable[int]) -> dict[int, Buckets]:
    """What is left of the desks' quotas, by payer."""
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
    """Write what is left, by payer."""
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
