"""Contact in a batch: which stations were heard, when they are expected next, and which were late or silent before."""

from datetime import datetime
from typing import NamedTuple

import psycopg
from django.conf import settings

from fleet.ingest.batch import Batch
from fleet.ingest.database import cursor, moments, numbers
from fleet.ingest.limits.desk_quota import desks_write
from fleet.ingest.limits.quota import Buckets, Quota
from fleet.ingest.sequence import Place, is_newer
from fleet.stations.contact.deadlines import LATE_SLACK_S, SILENT_SLACK_S, UNKNOWN_INTERVAL_S, interval_learned
from fleet.stations.models import StationContact


class ContactRow(NamedTuple):
    """A station's contact while its row is locked."""

    state: str
    last_contact_at: datetime | None
    announced_s: float | None
    operator_s: float | None
    learned_s: float | None
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
    def health_place(self) -> Place | None:
        """Position of the known health report in the station's sequence."""
        return _place(self.health_stream, self.health_seq, self.health_at)

    @property
    def hello_place(self) -> Place | None:
        """Position of the known hello."""
        return _place(self.hello_stream, self.hello_seq, self.hello_at)

    @property
    def announced_place(self) -> Place | None:
        """Position of the known announcement of the next contact."""
        return _place(self.announced_stream, self.announced_seq, self.announced_at)

    def quota(self, default: Quota) -> Quota:
        """Its own quota, with defaults for what is not set."""
        if self.own_messages_per_s is None and self.own_bytes_per_hour is None:
            return default
        messages, octets = self.own_messages_per_s, self.own_bytes_per_hour
        return default._replace(
            messages_per_s=default.messages_per_s if messages is None else messages,
            bytes_per_hour=default.bytes_per_hour if octets is None else octets,
        )


def _place(stream: int | None, seq: int | None, at: datetime | None) -> Place | None:
    return None if at is None else Place(stream, seq, at.timestamp())


def contacts_lock(station_ids: list[int], *, lock: str = "FOR UPDATE OF c") -> psycopg.Cursor:
    """Ask for the contact rows of these stations, locked in the order of their ids; see `contacts_read`."""
    return cursor().execute(
        "SELECT c.station_id, c.state, c.last_contact_at, c.announced_interval_s, s.operator_interval_s, "  # noqa: S608 - a constant
        "c.learned_interval_s, c.clock_offset_s, c.quota_messages, c.quota_bytes, c.quota_excess, c.quota_at, "
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


def contacts_write(rows: dict[int, ContactRow], batch: Batch) -> dict[int, str]:
    """Set every station that sent something to on time; return the state before, by id, of those that were not.

    For a station whose card was read at a desk, only the quotas are written.
    """
    desks_write({payer: left for payer, left in batch.buckets.items() if payer < 0})
    if absent := rows.keys() - batch.present:
        _quotas_write({station_id: batch.buckets[station_id] for station_id in absent})
        rows = {station_id: row for station_id, row in rows.items() if station_id in batch.present}
    learned, announced, expected = [], [], []
    for station_id, row in rows.items():
        gap = (batch.moment - row.last_contact_at).total_seconds() if row.last_contact_at else None
        rhythm = row.learned_s if gap is None else interval_learned(row.learned_s, max(gap, 0.0))
        said = row.announced_s
        announcement = batch.announced.get(station_id)
        if announcement is not None and is_newer(announcement[0], row.announced_place, batch.future):
            said = announcement[1]
        learned.append(rhythm)
        announced.append(said)
        expected.append(said or row.operator_s or rhythm or UNKNOWN_INTERVAL_S)
    left = [batch.buckets[station_id] for station_id in rows]
    cursor().execute(
        "UPDATE stations_stationcontact c SET state = 'on_time', last_contact_at = %s, "
        "first_contact_at = coalesce(c.first_contact_at, %s), learned_interval_s = n.learned, "
        "announced_interval_s = n.announced, late_after = %s + make_interval(secs => n.expected * %s + %s), "
        "silent_after = %s + make_interval(secs => n.expected * %s + %s), quota_messages = n.messages, "
        "quota_bytes = n.bytes, quota_excess = n.excess, quota_at = n.quota_at, flooding_since = n.flooding, "
        "quota_reports = n.reports, "
        "backlog_messages = CASE WHEN n.is_home THEN 0 ELSE c.backlog_messages END, "
        "backlog_bytes = CASE WHEN n.is_home THEN 0 ELSE c.backlog_bytes END "
        "FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], "
        "%s::float8[], %s::float8[], %s::timestamptz[], %s::timestamptz[], %s::bool[], %s::float8[]) "
        "AS n(id, learned, announced, expected, messages, bytes, excess, quota_at, flooding, is_home, reports) "
        "WHERE c.station_id = n.id",
        [
            *(batch.moment, batch.moment),
            *(batch.moment, settings.ROOST_LATE_FACTOR, LATE_SLACK_S),
            *(batch.moment, settings.ROOST_SILENT_FACTOR, SILENT_SLACK_S),
            *(numbers(column) for column in (rows, learned, announced, expected)),
            *(
                numbers(column)
                for column in ([b.messages for b in left], [b.bytes for b in left], [b.excess for b in left])
            ),
            *(moments(column) for column in ([b.at for b in left], [b.flooding_since for b in left])),
            numbers([station_id in batch.all_home for station_id in rows]),
            numbers([b.reports for b in left]),
        ],
    )
    return {station_id: row.state for station_id, row in rows.items() if row.state != "on_time"}


def _quotas_write(left: dict[int, Buckets]) -> None:
    """Store the remaining quotas of stations that did not send anything themselves."""
    cursor().execute(
        "UPDATE stations_stationcontact c SET quota_messages = n.messages, quota_bytes = n.bytes, "
        "quota_excess = n.excess, quota_at = n.quota_at, flooding_since = n.flooding, "
        "quota_reports = n.reports "
        "FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::timestamptz[], "
        "%s::timestamptz[]) "
        "AS n(id, messages, bytes, excess, reports, quota_at, flooding) WHERE c.station_id = n.id",
        [
            numbers(left),
            *(
                numbers([getattr(b, name) for b in left.values()])
                for name in ("messages", "bytes", "excess", "reports")
            ),
            *(moments([getattr(b, name) for b in left.values()]) for name in ("at", "flooding_since")),
        ],
    )
