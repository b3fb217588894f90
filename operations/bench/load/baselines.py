"""The baselines for ingest: a bare drain-and-COPY loop, one ORM write per message, and one per value.

Run as a separate process: `python -m operations.bench.load.baselines bare|orm|orm-each MESSAGES`; prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import amqp
import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup(set_prefix=False)

from django.db import connection  # noqa: E402 - Django first

from fleet.core import clock  # noqa: E402
from fleet.ingest.rows.tables import READINGS, pg_time, reading_row  # noqa: E402
from fleet.stations.models import Station, StationContact  # noqa: E402
from fleet.telemetry.models import Reading, Series  # noqa: E402
from message_queue.contracts.base import Lane  # noqa: E402
from operations.bench.load.traffic import connect  # noqa: E402
from operations.instance import Instance  # noqa: E402
from workers.consumers.inbound import BATCH_MOST  # noqa: E402
from workers.consumers.lanes import PREFETCH  # noqa: E402

TABLE = "bench_bare_reading"
_HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8


def bare_run(count: int) -> float:
    """Drain, decode without checks, COPY in binary, commit, acknowledge; messages per second after the first batch."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} (LIKE telemetry_reading INCLUDING ALL)")
    series_id = Series.objects.order_by("id").values_list("id", flat=True).first() or 1
    columns = ", ".join(READINGS.columns)
    decode = msgspec.json.Decoder().decode
    taken: list[bytes] = []
    channel, broker = _consume(lambda message: taken.append(message.body))
    done, began, first, tag = 0, 0.0, 0, 0
    while done < count:
        while len(taken) < min(BATCH_MOST, count - done):
            broker.drain_events()
        received = pg_time(time.time())
        rows = [_HEADER]
        for body in taken:
            pack = decode(body)
            base = pack[0]["bt"]
            rows += [reading_row(series_id, pg_time(base + r.get("t", 0.0)), received, r["v"], 0) for r in pack]
        rows.append(b"\xff\xff")
        with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"".join(rows))
        tag += len(taken)
        channel.basic_ack(tag, multiple=True)
        done += len(taken)
        taken.clear()
        if not began:
            began, first = time.monotonic(), done
    rate = (done - first) / (time.monotonic() - began)
    broker.close()
    return rate


def orm_run(count: int) -> float:
    """One get, one insert and one save through the ORM per message, each acknowledged; messages per second.

    This is the fastest way with the ORM: one INSERT takes all readings of a message.
    """
    return _orm_rate(count, Reading.objects.bulk_create)


def orm_each_run(count: int) -> float:
    """As above, but each reading is inserted separately, as in servers whose messages carry one value each."""

    def insert(readings: list[Reading]) -> None:
        for reading in readings:
            reading.save(force_insert=True)

    return _orm_rate(count, insert)


def _orm_rate(count: int, insert: Callable[[list[Reading]], Any]) -> float:
    serial = "SG-BENCH"
    station = Station.objects.get(serial=serial)
    StationContact.objects.get_or_create(station=station)
    series, _ = Series.objects.get_or_create(
        station=station, name="orm", defaults={"unit": "V", "created_at": clock.now()}
    )
    done = 0

    def take(message: Any) -> None:
        nonlocal done
        pack, moment = json.loads(message.body), clock.now()
        base = pack[0]["bt"]
        contact = StationContact.objects.select_related("station").get(station__serial=serial)
        insert(
            [
                Reading(
                    series=series,
                    occurred_at=clock.from_seconds(base + r.get("t", 0.0)),
                    received_at=moment,
                    value=r["v"],
                )
                for r in pack
            ]
        )
        contact.last_contact_at = moment
        contact.save()
        message.channel.basic_ack(message.delivery_tag)
        done += 1

    _, broker = _consume(take)
    began = time.monotonic()
    while done < count:
        broker.drain_events()
    rate = done / (time.monotonic() - began)
    broker.close()
    return rate


def _consume(callback: Any) -> tuple[amqp.Channel, amqp.Connection]:
    broker = connect(Instance.load(), user="ingest")
    channel = broker.channel()
    channel.auto_decode = False
    channel.basic_qos(0, PREFETCH, a_global=False)
    channel.basic_consume(Lane.TELEMETRY.value, callback=callback, no_ack=False)
    return channel, broker


if __name__ == "__main__":
    run = {"bare": bare_run, "orm": orm_run, "orm-each": orm_each_run}[sys.argv[1]]
    print(json.dumps({"messages_per_s": run(int(sys.argv[2]))}))
