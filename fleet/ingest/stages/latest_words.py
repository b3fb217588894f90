"""Stations' reports about themselves, stored in their contact rows: the one made last wins, whenever it arrives."""

import ipaddress

import msgspec

from fleet.ingest.batch import Batch, moment_of
from fleet.ingest.contacts import ContactRow, contacts_lock
from fleet.ingest.database import cursor
from fleet.ingest.round import Round
from fleet.ingest.sequence import StreamPlace, is_newer, newer_sql, newer_values
from fleet.stations.contact.hours import ASLEEP_SQL
from fleet.stations.life.hardware import SaidHardware, pairs_note
from message_queue.contracts.health import Backlog, Health

_NOTHING = Backlog()
#: A station that announces its next contact in this many seconds or more sleeps until then, at most for this long.
_SLEEP_FROM_S, _SLEEP_MOST_S = 7_200.0, 31 * 86_400.0
#: Kinds whose unknown fields are stored together with the newest report of that kind.
OF_ITSELF = frozenset({"hello", "health"})


def peek_contacts(work: Round) -> None:
    """Read the contacts of stations with reports in this batch, without locking them.

    For messages that are taken again: their ledger rows may be locked already, and contacts must be locked before
    those.
    """
    if station_ids := sorted({*work.batch.health, *work.batch.hello, *work.batch.announced}):
        rows = contacts_lock(station_ids, lock="").fetchall()
        work.known = {row[0]: ContactRow(*row[1:]) for row in rows}


def said_write(rows: dict[int, ContactRow], batch: Batch) -> None:
    """Store reports that are newer in the station's own sequence, in whatever order they arrive.

    `rows`: the contacts as read before. Each statement compares again, because messages taken again lock no contacts.
    """
    future = moment_of(batch.future)
    for station_id, (place, seconds) in batch.announced.items():
        at = moment_of(place.at)
        cursor().execute(
            "UPDATE stations_stationcontact c SET announced_interval_s = %s, announced_at = %s, announced_stream = %s, "  # noqa: S608 - constants
            f"announced_seq = %s WHERE c.station_id = %s AND {newer_sql('announced')}",
            [seconds, at, place.stream, place.seq, station_id, *newer_values(place, at, future)],
        )
        known = rows.get(station_id)
        is_news = known is None or is_newer(place, known.announced_place, batch.future)
        if is_news and station_id in batch.present and seconds >= _SLEEP_FROM_S:
            wakes = moment_of(batch.received_at + min(seconds, _SLEEP_MOST_S))
            cursor().execute(ASLEEP_SQL, [station_id, batch.moment, wakes])
    for station_id, (place, health) in batch.health.items():
        _health_write(station_id, place, health, batch)
        known = rows.get(station_id)
        if known is not None and not is_newer(place, known.health_place, batch.future):
            # With an older byte count stored, the next one would count the difference twice.
            batch.data_use.pop(station_id, None)
    for station_id, (place, hello) in batch.hello.items():
        at = moment_of(place.at)
        cursor().execute(
            # A hello without an address was written before the modem had one: keep the known address.
            "UPDATE stations_stationcontact c SET hello = %s, hello_received_at = %s, address = coalesce(%s, c.address), "  # noqa: S608 - constants
            "hello_at = %s, hello_stream = %s, hello_seq = %s, "
            f"also_said = (c.also_said - 'hello') || %s::jsonb WHERE c.station_id = %s AND {newer_sql('hello')}",
            [
                msgspec.json.encode(hello).decode(),
                batch.moment,
                _address(hello.hardware.get("address")),
                *(at, place.stream, place.seq),
                _also(batch, station_id, "hello"),
                station_id,
                *newer_values(place, at, future),
            ],
        )
    for station_id, kind in batch.also_said:
        if kind not in OF_ITSELF:
            cursor().execute(
                "UPDATE stations_stationcontact SET also_said = also_said || %s::jsonb WHERE station_id = %s",
                [_also(batch, station_id, kind), station_id],
            )
    said = [
        SaidHardware(number, hello.machine, hello.card_key, str(hello.hardware.get("model") or ""))
        for number, (place, hello) in batch.hello.items()
        if (known := rows.get(number)) is None or is_newer(place, known.hello_place, batch.future)
    ]
    pairs_note(said=said, moment=batch.moment)


def _health_write(station_id: int, place: StreamPlace, health: Health, batch: Batch) -> None:
    """Store a health report. Its backlog is from when it was written, so usually most of that arrived along with it."""
    at = moment_of(place.at)
    backlog = _NOTHING if station_id in batch.all_home else health.backlog
    newer = newer_sql("health").replace("c.health_at", "c.health_occurred_at")
    cursor().execute(
        "UPDATE stations_stationcontact c SET health = %s, health_occurred_at = %s, health_received_at = %s, "  # noqa: S608 - constants
        "health_stream = %s, health_seq = %s, clock_offset_s = coalesce(%s, c.clock_offset_s), backlog_messages = %s, "
        "backlog_bytes = %s, also_said = (c.also_said - 'health') || %s::jsonb "
        f"WHERE c.station_id = %s AND {newer}",
        [
            msgspec.json.encode(health).decode(),
            *(at, batch.moment, place.stream, place.seq),
            batch.clocks.get(station_id),
            backlog.messages if backlog else None,
            backlog.bytes if backlog else None,
            _also(batch, station_id, "health"),
            station_id,
            *newer_values(place, at, moment_of(batch.future)),
        ],
    )


def _also(batch: Batch, station_id: int, kind: str) -> str:
    """Unknown fields of a kind, as JSON to merge with those of other kinds; an empty object if there are none."""
    said = batch.also_said.get((station_id, kind))
    return msgspec.json.encode({kind: said}).decode() if said else "{}"


def _address(said: object) -> str | None:
    """The address that a station reports, if it is a valid one."""
    try:
        return str(ipaddress.ip_address(str(said).partition("%")[0])) if said else None
    except ValueError:
        return None
