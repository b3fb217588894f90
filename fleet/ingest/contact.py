"""Contact in a batch: who was heard from, what they announced and said of themselves, who was silent before."""

import ipaddress
from datetime import datetime
from typing import NamedTuple

import msgspec
import psycopg
from django.conf import settings

from fleet.ingest.batch import AHEAD_S, Batch, moment_of
from fleet.ingest.database import cursor, moments, numbers
from fleet.ingest.quota import Buckets, Quota
from fleet.stations.contact import LATE_SLACK_S, SILENT_SLACK_S, UNKNOWN_INTERVAL_S, interval_learned
from fleet.stations.hardware import SaidHardware, pairs_note
from fleet.stations.models import StationContact
from message_queue.contracts.health import Backlog

_NOTHING = Backlog()


class ContactRow(NamedTuple):
    """A station's contact while it is locked."""

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
    health_occurred_at: datetime | None
    epoch: int
    quota_reports: float | None

    @property
    def buckets(self) -> Buckets:
        """What is left of its quota."""
        return Buckets(
            self.quota_messages,
            self.quota_bytes,
            self.quota_excess,
            self.quota_at,
            self.flooding_since,
            self.quota_reports,
        )

    def quota(self, default: Quota) -> Quota:
        """Its own quota, or the server's."""
        if self.own_messages_per_s is None and self.own_bytes_per_hour is None:
            return default
        messages, octets = self.own_messages_per_s, self.own_bytes_per_hour
        return default._replace(
            messages_per_s=default.messages_per_s if messages is None else messages,
            bytes_per_hour=default.bytes_per_hour if octets is None else octets,
        )


def contacts_lock(station_ids: list[int]) -> psycopg.Cursor:
    """Ask for the contact rows of these stations, locked in the order of their ids; see `contacts_read`."""
    return cursor().execute(
        "SELECT c.station_id, c.state, c.last_contact_at, c.announced_interval_s, s.operator_interval_s, "
        "c.learned_interval_s, c.clock_offset_s, c.quota_messages, c.quota_bytes, c.quota_excess, c.quota_at, "
        "c.flooding_since, s.quota_messages_per_s, s.quota_bytes_per_hour, c.data_counter, c.data_sent, c.data_received, "
        "c.health_occurred_at, c.epoch, c.quota_reports "
        "FROM stations_stationcontact c JOIN stations_station s ON s.id = c.station_id "
        "WHERE c.station_id = ANY(%s::bigint[]) ORDER BY c.station_id FOR UPDATE OF c",
        [numbers(station_ids)],
        # Django reads moments in Python where they come as text.
        binary=True,
    )


def contacts_read(asked: psycopg.Cursor, station_ids: list[int]) -> dict[int, ContactRow]:
    """The locked rows by station id; those that were missing are made."""
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
    """Write what is left of a station's quota, where no batch does; its contact must be locked."""
    StationContact.objects.filter(station=station_id).update(
        quota_messages=left.messages,
        quota_bytes=left.bytes,
        quota_excess=left.excess,
        quota_at=left.at,
        flooding_since=left.flooding_since,
        quota_reports=left.reports,
    )


def contacts_write(rows: dict[int, ContactRow], batch: Batch) -> list[int]:
    """Move every station that spoke to on time; return those that were silent before.

    Of a station whose card was read at a desk only the quota is written.
    """
    if absent := rows.keys() - batch.present:
        _quotas_write({station_id: batch.buckets[station_id] for station_id in absent})
        rows = {station_id: row for station_id, row in rows.items() if station_id in batch.present}
    learned, announced, expected = [], [], []
    for station_id, row in rows.items():
        gap = (batch.moment - row.last_contact_at).total_seconds() if row.last_contact_at else None
        rhythm = row.learned_s if gap is None else interval_learned(row.learned_s, max(gap, 0.0))
        said = batch.announced.get(station_id, row.announced_s)
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
    _said_of_themselves(batch)
    return [station_id for station_id, row in rows.items() if row.state == "silent"]


def _quotas_write(left: dict[int, Buckets]) -> None:
    """What is left of the quotas of stations that did not speak themselves."""
    cursor().execute(
        "UPDATE stations_stationcontact c SET quota_messages = n.messages, quota_bytes = n.bytes, "
        "quota_excess = n.excess, quota_at = n.quota_at, flooding_since = n.flooding "
        "FROM unnest(%s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::timestamptz[], %s::timestamptz[]) "
        "AS n(id, messages, bytes, excess, quota_at, flooding) WHERE c.station_id = n.id",
        [
            numbers(left),
            *(numbers([getattr(b, name) for b in left.values()]) for name in ("messages", "bytes", "excess")),
            *(moments([getattr(b, name) for b in left.values()]) for name in ("at", "flooding_since")),
        ],
    )


def _said_of_themselves(batch: Batch) -> None:
    """Health moves only forward by the station's clock; a hello is taken as it comes.

    A report counts what waited when it was written, most often what came home in the same breath.
    """
    # A health message from the future must not shut out all that come after it.
    future = moment_of(batch.received_at + AHEAD_S)
    for station_id, health in batch.health.items():
        occurred_at = moment_of(health.at)
        backlog = _NOTHING if station_id in batch.all_home else health.backlog
        cursor().execute(
            "UPDATE stations_stationcontact SET health = %s, health_occurred_at = %s, health_received_at = %s, "
            "clock_offset_s = coalesce(%s, clock_offset_s), backlog_messages = %s, backlog_bytes = %s WHERE station_id = %s "
            "AND (health_occurred_at IS NULL OR health_occurred_at <= %s OR health_occurred_at > %s)",
            [
                msgspec.json.encode(health).decode(),
                occurred_at,
                batch.moment,
                batch.clocks.get(station_id),
                backlog.messages if backlog else None,
                backlog.bytes if backlog else None,
                station_id,
                occurred_at,
                future,
            ],
        )
    for station_id, hello in batch.hello.items():
        cursor().execute(
            "UPDATE stations_stationcontact SET hello = %s, hello_received_at = %s, address = %s WHERE station_id = %s",
            [
                msgspec.json.encode(hello).decode(),
                batch.moment,
                _address(hello.hardware.get("address")),
                station_id,
            ],
        )
    said = [
        SaidHardware(number, hello.machine, hello.card_key, str(hello.hardware.get("model") or ""))
        for number, hello in batch.hello.items()
    ]
    pairs_note(said=said, moment=batch.moment)


def _address(said: object) -> str | None:
    """An address as the station says it, if it is one."""
    try:
        return str(ipaddress.ip_address(str(said).partition("%")[0])) if said else None
    except ValueError:
        return None
