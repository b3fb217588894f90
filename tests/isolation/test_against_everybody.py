"""Two attacks of one station on the whole broker: a body without end, and a flood."""

import contextlib
import json
import statistics
import struct
import threading
import time

import amqp
import pika
import pytest
from faults.publisher import connection_parameters
from faults.rig import Rig
from isolation.attacker import Attacker
from waiting import PATIENCE_S, until

from operations.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.long]

MEGABYTE = 1_000_000
#: How far the broker's memory may grow before its alarm, and the maximum to send.
ROOM, SENT_MOST = 150 * MEGABYTE, 1_000 * MEGABYTE
FRAME_BODY = 131_072 - 8


def frame(kind, payload):
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


def endless_body(exchange):
    """The frames that declare a message of ten bytes, and one frame of its body."""
    name = exchange.encode()
    declared = frame(1, struct.pack(">HHH", 60, 40, 0) + bytes([len(name)]) + name + b"\x00\x00")
    return declared + frame(2, struct.pack(">HHQH", 60, 0, 10, 0)), frame(3, b"x" * FRAME_BODY)


@pytest.fixture
def small_broker(services, tmp_path):
    """A separate broker, so that the memory used by the attack does not disturb other tests."""
    with Rig.open(Stack(tmp_path / "rig")) as rig:
        yield rig


def node(rig):
    with rig.instance.rabbitmq.management() as client:
        return client.get("/api/nodes").json()[0]


def test_a_body_without_end_stops_everybody_until_its_station_is_revoked(small_broker):
    rig = small_broker
    own, victim = rig.stations("SG-E0D1RPI40001", "SG-E0D2RPI40002")
    before = node(rig)["mem_used"]
    rig.control("set_vm_memory_high_watermark", "absolute", str(before + ROOM))
    neighbour = Attacker(victim, own)
    assert neighbour.publish(victim["exchange"], "readings", type="readings") == "allowed"
    connection = amqp.Connection(
        host=f"127.0.0.1:{own['plain_port']}",
        userid=own["username"],
        password=own["password"],
        virtual_host=own["vhost"],
    )
    connection.connect()
    connection.channel()
    sent, begun = 0, time.monotonic()
    declared, piece = endless_body(own["exchange"])
    connection.transport.sock.settimeout(5)
    # The broker stops reading, as it does with every publisher during its alarm.
    with contextlib.suppress(TimeoutError):
        connection.transport.write(declared)
        while sent < SENT_MOST and not node(rig)["mem_alarm"]:
            for _ in range(40):
                connection.transport.write(piece)
                sent += len(piece)
    until(lambda: node(rig)["mem_alarm"], "the memory alarm that this version raises")
    raised, peak = time.monotonic() - begun, node(rig)["mem_used"]
    connection.transport.sock.close()
    time.sleep(3)
    assert node(rig)["mem_alarm"], "the broker reads nothing from a blocked connection, not even its end"
    revoked = time.monotonic()
    rig.revoke(own["serial"])
    until(lambda: not node(rig)["mem_alarm"], "the end of the alarm")
    assert neighbour.publish(victim["exchange"], "readings", type="readings") == "allowed"
    print(
        f"declared 10 bytes, sent {sent / MEGABYTE:.0f} MB in {raised:.1f} s: memory {before / MEGABYTE:.0f} to "
        f"{peak / MEGABYTE:.0f} MB, alarm; over {time.monotonic() - revoked:.1f} s after the station was revoked"
    )


def confirms(grant, seconds, body=b'[{"n":"calm","v":1}]'):
    """Publish one message at a time, ten a second; return how many seconds each confirm took."""
    took = []
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            how = pika.BasicProperties(
                type="readings", delivery_mode=2, headers={"v": 1, "stream": "calm", "seq": len(took) + 1}
            )
            channel.basic_publish(grant["exchange"], "readings", body, how, mandatory=True)
            took.append(time.monotonic() - begun)
            connection.sleep(0.05)
    return took


def test_a_flood_of_one_station_fails_no_message_of_another(rig):
    rig.worker_ensure()
    flooder, victim = rig.stations("SG-F100RPI40001", "SG-F100RPI40002")
    calm = confirms(victim, 5)
    record = {"n": "flood", "t": 1_700_000_000, "v": 1}
    body = json.dumps([record | {"t": record["t"] + number} for number in range(300)]).encode()
    stopping, sent = threading.Event(), [0]

    def flood():
        with pika.BlockingConnection(connection_parameters(flooder)) as connection:
            channel = connection.channel()
            # All messages have the same number: the ledger drops all but the first, so the disk does not fill up.
            fields = {"v": 1, "stream": "flood", "seq": 1, "run": "a1", "since": 1}
            how = pika.BasicProperties(type="readings", delivery_mode=2, headers=fields)
            while not stopping.is_set():
                channel.basic_publish(flooder["exchange"], "readings", body, how)
                sent[0] += 1

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        stormy = confirms(victim, 10)
    finally:
        stopping.set()
        thread.join(PATIENCE_S)
    rig.quiesce(240)
    p99 = statistics.quantiles(stormy, n=100)[98]
    print(
        f"{sent[0]} messages of {len(body) // 1024} KiB in 10 s; the neighbour's confirms p99 "
        f"{statistics.quantiles(calm, n=100)[98] * 1000:.0f} ms before, {p99 * 1000:.0f} ms during"
    )
    stored = rig.query(
        "SELECT l.messages FROM telemetry_streamledger l JOIN stations_station s ON s.id = l.station_id "
        "WHERE s.serial = %s AND l.stream = 'calm'",
        victim["serial"],
    )
    assert stored == [(max(len(stormy), len(calm)),)]
    assert p99 < 2.0
