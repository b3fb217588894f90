"""What stations say of themselves, written to their contact rows: the newest word by when it was said wins."""

import ipaddress

import msgspec

from fleet.ingest.batch import Batch, moment_of
from fleet.ingest.database import cursor
from fleet.ingest.sequence import Place, is_newer, newer_sql, newer_values
from fleet.ingest.stages.contact import ContactRow, contacts_lock
from fleet.stations.life.hardware import SaidHardware, pairs_note
from message_queue.contracts.health import Backlog, Health

_NOTHING = Backlog()
#: Kinds whose unknown fields are written with their own newest word.
_OF_ITSELF = frozenset({"hello", "health"})


def contacts_peek(batch: Batch) -> dict[int, ContactRow]:
    """What is known of the stations that say something of themselves in this batch, without a lock.

    For messages that are taken again: their stations' ledger rows may be locked already, and contacts come before those.
    """
    station_ids = sorted({*batch.health, *batch.hello, *batch.announced})
    if not station_ids:
        return {}
    return {row[0]: ContactRow(*row[1:]) for row in contacts_lock(station_ids, lock="").fetchall()}


def said_write(rows: dict[int, ContactRow], batch: Batch) -> None:
    """What stations say of themselves moves only forward in their own sequence, however it comes.

    `rows` are what is known; each statement asks again, as those of messages that are taken again are not locked.
    """
    future = moment_of(batch.future)
    for station_id, (place, seconds) in batch.announced.items():
        at = moment_of(place.at)
        cursor().execute(
            "UPDATE stations_stationcontact c SET announced_interval_s = %s, announced_at = %s, announced_stream = %s, "  # noqa: S608 - constants
            f"announced_seq = %s WHERE c.station_id = %s AND {newer_sql('announced')}",
            [seconds, at, place.stream, place.seq, station_id, *newer_values(place, at, future)],
        )
    for station_id, (place, health) in batch.health.items():
        _health_write(station_id, place, health, batch)
        known = rows.get(station_id)
        if known is not None and not is_newer(place, known.health_place, batch.future):
            # An older count of bytes would make the next one count them twice.
            batch.data_use.pop(station_id, None)
    for station_id, (place, hello) in batch.hello.items():
        at = moment_of(place.at)
        cursor().execute(
            # A hello without an address was written before the modem had one: what is known stays.
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
        if kind not in _OF_ITSELF:
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


def _health_write(station_id: int, place: Place, health: Health, batch: Batch) -> None:
    """A report counts what waited when it was written, most often what came home in the same breath."""
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
    """The unknown fields of a kind as JSON that is added to the others'; nothing where there are none."""
    said = batch.also_said.get((station_id, kind))
    return msgspec.json.encode({kind: said}).decode() if said else "{}"


def _address(said: object) -> str | None:
    """An address as the station says it, if it is one."""
    try:
        return str(ipaddress.ip_address(str(said).partition("%")[0])) if said else None
    except ValueError:
        return None
