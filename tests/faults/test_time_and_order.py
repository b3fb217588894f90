"""Wrong clocks, and messages that arrive ten times in any order: everything is stored, once."""

import json
import random
import time
from datetime import UTC, datetime
from typing import NamedTuple

import pika
import pytest
from faults.messages import message_of
from faults.oracle import Verdict, judge
from faults.publisher import Book, connection_parameters

pytestmark = pytest.mark.faults

NUMBERS, TIMES = 200, 10


class Stream(NamedTuple):
    """The fields of a sender that the judge uses."""

    serial: str
    stream: str


class Sent(NamedTuple):
    """The fields of a publisher that the judge uses."""

    senders: list
    book: Book


def publish(channel, grant, stream, seq, kind, body, next_seq):
    headers = {"v": 1, "stream": stream, "seq": seq, "next": next_seq}
    properties = pika.BasicProperties(type=kind, delivery_mode=2, headers=headers, message_id=f"{stream}/{seq}")
    channel.basic_publish(grant["exchange"], kind, body, properties, mandatory=True)


def ledger(rig, serial, stream):
    return rig.query(
        "SELECT l.received, l.next_seq, l.repeats FROM telemetry_streamledger l JOIN stations_station s "
        "ON s.id = l.station_id WHERE s.serial = %s AND l.stream = %s",
        serial,
        stream,
    )[0]


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
def test_every_message_comes_ten_times_in_another_order_and_some_never(rig, grants, verdicts, tmp_path, order):
    rig.worker_ensure()
    begun, grant = time.monotonic(), grants[0]
    chance = random.Random(f"{rig.seed}/{order}")
    numbers = sorted(chance.sample(range(1, NUMBERS + 1), NUMBERS - 30))
    goes = [seq for seq in numbers for _ in range(TIMES)]
    goes = chance.sample(goes, len(goes)) if order == "shuffled" else goes[::-1]
    stream, book = f"{order}-{rig.seed}", Book(tmp_path / "book.db")
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for seq in goes:
            book.note_sent(stream, seq)
            publish(channel, grant, stream, seq, *message_of(stream, seq), NUMBERS + 1)
            book.note_confirmed(stream, seq)
    book.write()
    rig.quiesce()
    verdict = Verdict(case=f"{TIMES} times, {order}", number="49", seed=rig.seed)
    judge(rig, Sent([Stream(grant["serial"], stream)], book), verdict)
    verdict.note, verdict.seconds = (
        f"Every message comes {TIMES} times, {order}; 30 numbers never come.",
        time.monotonic() - begun,
    )
    verdicts.append(verdict)
    assert verdict.is_clean, (verdict.row(), verdict.details)
    assert verdict.repeats == len(numbers) * (TIMES - 1)
    received, following, _ = ledger(rig, grant["serial"], stream)
    missing = {seq for seq in range(1, following) if not any(part.lower <= seq < part.upper for part in received)}
    assert missing == set(range(1, NUMBERS + 1)) - set(numbers)


def moments():
    """Times as stations' clocks have shown: name, seconds since 1970, and whether the row must be marked."""
    now = time.time()
    return {
        "clock-not-set": (datetime(2000, 1, 1, 0, 3, tzinfo=UTC).timestamp(), True),
        "before-the-leap-second": (datetime(2016, 12, 31, 23, 59, 59, 900_000, tzinfo=UTC).timestamp(), False),
        "after-it": (datetime(2017, 1, 1, tzinfo=UTC).timestamp(), False),
        "end-of-summer-time": (datetime(2023, 10, 29, 0, 30, tzinfo=UTC).timestamp(), False),
        "the-hour-again": (datetime(2023, 10, 29, 1, 30, tzinfo=UTC).timestamp(), False),
        "an-hour-back": (now - 3_600, False),
        "now": (now, False),
        "half-a-minute-back": (now - 30, False),
        "30-days-ahead": (now + 30 * 86_400, True),
        "2038": (2.0**31 - 1, True),
        "after-2038": (2.0**31 + 1, True),
    }


def test_no_clock_loses_a_row_or_hides_a_station(rig, grants, verdicts):
    rig.worker_ensure()
    begun, grant, said = time.monotonic(), grants[1], moments()
    stream = f"clocks-{rig.seed}"
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for seq, (name, (moment, _)) in enumerate(said.items(), start=1):
            body = json.dumps([{"t": moment, "n": f"{stream}:{name}", "v": seq}]).encode()
            publish(channel, grant, stream, seq, "readings", body, len(said) + 2)
        # By SenML's own rule, a reading with such a small time would count from its receipt; a detection would be in
        # 1970.
        pulse = json.dumps({"what": "pulse", "port": 70, "bt": 5.0, "t": [0.0], "line": [1], "file": stream}).encode()
        publish(channel, grant, stream, len(said) + 1, "detections", pulse, len(said) + 2)
    rig.quiesce()
    verdict = Verdict(case="clocks that are wrong", number="47", seed=rig.seed, sent=len(said) + 1)
    verdict.confirmed = verdict.sent
    rows = rig.query(
        "SELECT s.name, extract(epoch FROM r.occurred_at)::float, r.flags, abs(extract(epoch FROM now() - r.received_at)) "
        "FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id WHERE s.name LIKE %s",
        f"{stream}:%",
    )
    found = {name.removeprefix(f"{stream}:"): (moment, flags, age) for name, moment, flags, age in rows}
    pulses = rig.query(
        "SELECT extract(epoch FROM occurred_at)::float, flags <> 0 FROM telemetry_detection d "
        "JOIN stations_station s ON s.id = d.station_id WHERE s.serial = %s AND d.port = 70",
        grant["serial"],
    )
    verdict.lost = len(said.keys() - found.keys()) + (not pulses)
    verdict.doubled = len(rows) - len(found) + max(len(pulses) - 1, 0)
    verdict.note = "Readings from 1970, 2000, 2038, the future, a leap second and a repeated hour; none is refused."
    verdict.seconds = time.monotonic() - begun
    verdicts.append(verdict)
    wrong = {
        name: found.get(name)
        for name, (moment, is_marked) in said.items()
        if name not in found or abs(found[name][0] - moment) > 0.001 or bool(found[name][1]) != is_marked
    }
    assert not wrong
    assert pulses == [(5.0, True)]
    assert all(age < 120 for _, _, age in found.values())
    assert verdict.is_clean, verdict.row()
    (seen,) = rig.query(
        "SELECT abs(extract(epoch FROM now() - c.last_contact_at)) FROM stations_stationcontact c "
        "JOIN stations_station s ON s.id = c.station_id WHERE s.serial = %s",
        grant["serial"],
    )
    assert seen[0] < 120, "the time of contact comes from our clock"


def said_of_itself(rig, serial):
    """The station's interval, profile, address and disk in force, and the seconds from its last contact until it is
    silent.
    """
    return rig.query(
        "SELECT c.announced_interval_s, c.hello->>'profile', host(c.address), (c.health->>'disk_percent')::float, "
        "extract(epoch FROM c.silent_after - c.last_contact_at)::float FROM stations_stationcontact c "
        "JOIN stations_station s ON s.id = c.station_id WHERE s.serial = %s",
        serial,
    )[0]


def test_a_day_offline_comes_newest_first_and_nobody_is_said_to_be_silent(rig, grants, verdicts, tmp_path):
    """During its day without a link, the station changed from a report every five seconds to one an hour."""
    rig.worker_ensure()
    begun, grant, now, hours = time.monotonic(), grants[2], time.time(), 24
    stream, words, book = f"offline-{rig.seed}", f"offline-words-{rig.seed}", Book(tmp_path / "book.db")
    calm = {"next_in": 3_600.0, "profile": "satellite", "hardware": {"address": "192.0.2.7"}}
    busy = {"next_in": 5.0, "profile": "generous", "hardware": {"address": "192.0.2.1"}}
    with pika.BlockingConnection(connection_parameters(grant)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for age in range(hours):
            seq, said = hours - age, calm if age < hours // 2 else busy
            book.note_sent(stream, seq)
            publish(channel, grant, stream, seq, *message_of(stream, seq), hours + 1)
            book.note_confirmed(stream, seq)
            at, hello = now - age * 3_600.0, 2 * seq - 1
            health = {"at": at, "next_in": said["next_in"], "disk_percent": float(seq)}
            publish(channel, grant, words, 2 * seq, "health", json.dumps(health).encode(), 2 * hours + 1)
            publish(channel, grant, words, hello, "hello", json.dumps({"at": at, **said}).encode(), 2 * hours + 1)
    book.write()
    rig.quiesce()
    verdict = Verdict(case="offline a day, newest first, no false silence", number="89", seed=rig.seed)
    judge(rig, Sent([Stream(grant["serial"], stream)], book), verdict)
    interval, profile, address, disk, silent_s = said_of_itself(rig, grant["serial"])
    verdict.note = (
        "A day of reports, the newest first: the old ones change neither interval, address, deadline nor profile."
    )
    verdict.unexpected += silent_s < calm["next_in"]
    verdict.seconds = time.monotonic() - begun
    verdicts.append(verdict)
    assert verdict.is_clean, (verdict.row(), verdict.details)
    assert (interval, profile, address, disk) == (3_600.0, "satellite", "192.0.2.7", float(hours))
    received, following, _ = ledger(rig, grant["serial"], words)
    assert [(part.lower, part.upper) for part in received] == [(1, 2 * hours + 1)]
    assert following == 2 * hours + 1
