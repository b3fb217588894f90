"""Contact rows of stations: locked at the start of a batch, and read for messages that are taken again.

Rows are locked in the order of their ids, so that workers cannot deadlock.
"""

from datetime import datetime
from typing import NamedTuple

import psycopg

from fleet.ingest.database import cursor, numbers
from fleet.ingest.limits.quota import Buckets, Quota
from fleet.ingest.sequence import StreamPlace
from fleet.stations.models import StationContact


class ContactRow(NamedTuple):
    """A station's contact while its row is locked."""

    state: str
    last_contact_at: datetime | None
    announced_s: float | None
    operator_s: float | None
    #: Learned intervals, by hour of the day; None if the station announces its interval or a person has set it.
    rhythm_s: list[float] | None
    clock_offset_s: float | None
    quota_messages: float | None
    quota_bytes: float | None
    quota_excess: float
    quota_at: datetime | None
    flooding_since: datetime | None
    own_messages_per_s: float | None
    own_bytes_per_hour: float | None
    data_counter: str
    data_sent: int | None
    data_received: int | None
    health_at: datetime | None
    epoch: int
    quota_reports: float | None
    health_stream: int | None = None
    health_seq: int | None = None
    hello_at: datetime | None = None
    hello_stream: int | None = None
    hello_seq: int | None = None
    announced_at: datetime | None = None
    announced_stream: int | None = None
    announced_seq: int | None = None

    @property
    def buckets(self) -> Buckets:
        """The remaining quota."""
        return Buckets(
            self.quota_messages,
            self.quota_bytes,
            self.quota_excess,
            self.quota_at,
            self.flooding_since,
            self.quota_reports,
        )

    @property
    def health_place(self) -> StreamPlace | None:
        """Position of the known health report in the station's sequence."""
        return _place(self.health_stream, self.health_seq, self.health_at)

    @property
    def hello_place(self) -> StreamPlace | None:
        """Position of the known hello."""
        return _place(self.hello_stream, self.hello_seq, self.hello_at)

    @property
    def announced_place(self) -> StreamPlace | None:
        """Position of the known announcement of the next contact."""
        return _place(self.announced_stream, self.announced_seq, self.announced_at)

    def quota(self, default: Quota) -> Quota:
        """The station's own quota, completed with defaults."""
        if self.own_messages_per_s is None and self.own_bytes_per_hour is None:
            return default
        messages, octets = self.own_messages_per_s, self.own_bytes_per_hour
        return default._replace(
            messages_per_s=default.messages_per_s if messages is None else messages,
            bytes_per_hour=default.bytes_per_hour if octets is None else octets,
        )


def _place(stream: int | None, seq: int | None, at: datetime | None) -> StreamPlace | None:
    return None if at is None else StreamPlace(stream, seq, at.timestamp())


def contacts_lock(station_ids: list[int], *, lock: str = "FOR UPDATE OF c") -> psycopg.Cursor:
    """Ask for the contact rows of these stations, locked in the order of their ids; see `contacts_read`."""
    return cursor().execute(
        "SELECT c.station_id, c.state, c.last_contact_at, c.announced_interval_s, s.operator_interval_s, "  # noqa: S608 - a constant
        "CASE WHEN c.announced_interval_s IS NULL AND s.operator_interval_s IS NULL THEN c.rhythm_s END, c.clock_offset_s, c.quota_messages, c.quota_bytes, c.quota_excess, c.quota_at, "
        "c.flooding_since, s.quota_messages_per_s, s.quota_bytes_per_hour, c.data_counter, c.data_sent, "
        "c.data_received, c.health_occurred_at, c.epoch, c.quota_reports, c.health_stream, c.health_seq, c.hello_at, "
        "c.hello_stream, c.hello_seq, c.announced_at, c.announced_stream, c.announced_seq FROM "
        "stations_stationcontact c JOIN stations_station s ON s.id = c.station_id "
        f"WHERE c.station_id = ANY(%s::bigint[]) ORDER BY c.station_id {lock}",
        [numbers(station_ids)],
        # Binary, because Django would parse moments sent as text in Python.
        binary=True,
    )


def contacts_read(asked: psycopg.Cursor, station_ids: list[int]) -> dict[int, ContactRow]:
    """The locked rows by station id; missing ones are created."""
    rows = {row[0]: ContactRow(*row[1:]) for row in asked.fetchall()}
    if len(rows) == len(station_ids):
        return rows
    # Another worker may create a row first: nothing is lost, because all are locked and read again below.
    cursor().execute(
        "INSERT INTO stations_stationcontact (station_id, state, health, hello) "
        "SELECT s.id, 'never_seen', '{}', '{}' FROM stations_station s WHERE s.id = ANY(%s) ORDER BY s.id "
        "ON CONFLICT DO NOTHING",
        [station_ids],
    )
    return {row[0]: ContactRow(*row[1:]) for row in contacts_lock(station_ids).fetchall()}


def buckets_write(station_id: int, left: Buckets) -> None:
    """Store a station's remaining quota outside of a batch; its contact must be locked."""
    StationContact.objects.filter(station=station_id).update(
        quota_messages=left.messages,
        quota_bytes=left.bytes,
        quota_excess=left.excess,
        quota_at=left.at,
        flooding_since=left.flooding_since,
        quota_reports=left.reports,
    )
