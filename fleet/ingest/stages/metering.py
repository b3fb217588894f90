"""Monthly traffic of each station: messages and bodies counted by us, bytes on the link as reported by the agent."""

from typing import NamedTuple

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, numbers
from message_queue.contracts.health import DataUse


class Counter(NamedTuple):
    """The agent's latest reported count."""

    counter: str = ""
    sent: int | None = None
    received: int | None = None


def growth_of(before: Counter, said: DataUse) -> tuple[int, int]:
    """Bytes sent and received since the last report. A new counter began at 0; one that went back adds nothing."""
    if before.counter != said.counter or before.sent is None or before.received is None:
        return said.sent, said.received
    return max(said.sent - before.sent, 0), max(said.received - before.received, 0)


def metering_write(batch: Batch, counters: dict[int, Counter]) -> None:
    """Add the batch to the stations' months, and store the agents' counts in the contact rows, which must be locked."""
    if not batch.traffic:
        return
    ids = sorted(batch.traffic)
    grown = {
        station_id: growth_of(counters[station_id], said)
        for station_id, said in batch.data_use.items()
        if station_id in counters
    }
    cursor().execute(
        "INSERT INTO stations_stationdatause AS u "
        "(station_id, month, first_at, messages, payload_bytes, sent, received) "
        "SELECT n.id, date_trunc('month', %s, 'UTC') AT TIME ZONE 'UTC', %s, n.messages, n.payload, n.sent, n.received "
        "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) "
        "AS n(id, messages, payload, sent, received) ON CONFLICT (station_id, month) DO UPDATE SET "
        "messages = u.messages + excluded.messages, payload_bytes = u.payload_bytes + excluded.payload_bytes, "
        # NULL until the agent reports something; numeric, because two reported values may exceed a bigint together.
        "sent = CASE WHEN u.sent IS NULL OR excluded.sent IS NULL THEN coalesce(u.sent, excluded.sent) ELSE "
        "least(u.sent::numeric + excluded.sent, 9e18)::bigint END, received = CASE WHEN u.received IS NULL OR "
        "excluded.received IS NULL THEN coalesce(u.received, excluded.received) ELSE least(u.received::numeric + "
        "excluded.received, 9e18)::bigint END",
        [
            batch.moment,
            batch.moment,
            numbers(ids),
            numbers([batch.traffic[i][0] for i in ids]),
            numbers([batch.traffic[i][1] for i in ids]),
            numbers([grown[i][0] if i in grown else None for i in ids]),
            numbers([grown[i][1] if i in grown else None for i in ids]),
        ],
    )
    said = [(i, batch.data_use[i]) for i in grown]
    if said:
        cursor().execute(
            "UPDATE stations_stationcontact c SET data_counter = n.counter, data_sent = n.sent, "
            "data_received = n.received FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[]) "
            "AS n(id, counter, sent, received) WHERE c.station_id = n.id",
            [
                [i for i, _ in said],
                [s.counter for _, s in said],
                [s.sent for _, s in said],
                [s.received for _, s in said],
            ],
        )
