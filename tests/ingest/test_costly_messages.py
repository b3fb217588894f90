"""A station's messages use its own time and quota: their cost is measured, and other stations go first."""

import gzip
import json
import time

import pytest

from fleet.ingest import pipeline as pipelines
from fleet.ingest import reading
from fleet.ingest.limits.quota import ROW_WEIGHT
from fleet.ingest.models import QuarantinedMessage
from fleet.ingest.reading import Portion
from fleet.ingest.replay import quota_release
from fleet.stations.models import StationContact
from fleet.telemetry.models import Detection, DetectionCount, Reading, StreamLedger, TagHour

pytestmark = pytest.mark.django_db
NOW = 1_763_690_000.0
BURST = 500_000_000.0


def body_of(rows, first=0):
    return [{"n": "temp", "v": 1.0, "t": NOW + first + n} for n in range(rows)]


def packed(delivery, station, body, **numbers):
    made = delivery(station.serial, "readings", [], **numbers)
    made.body = gzip.compress(json.dumps(body).encode())
    made.properties["content_encoding"] = "gzip"
    return made


def contact(station):
    return StationContact.objects.get(station=station)


def test_a_packed_message_weighs_what_it_unpacks_to(pipeline, station, delivery):
    body = [{"n": "temp", "v": 1.0, "t": NOW, "vs": "x" * 1_000}] * 1
    message = packed(delivery, station, body, stream="a", seq=1)
    pipeline.take([message])
    assert BURST - contact(station).quota_bytes == len(json.dumps(body)) > 5 * len(message.body)


def test_a_message_weighs_the_time_that_reading_it_takes(pipeline, station, delivery, monkeypatch):
    monkeypatch.setattr(reading, "USUAL_S", -2.0)
    pipeline.take([delivery(station.serial, "readings", body_of(1), stream="a", seq=1)])
    assert BURST - contact(station).quota_bytes > 2 * reading.SECOND_WEIGHT


def test_a_message_weighs_the_rows_that_it_leaves(pipeline, station, delivery):
    body = {"what": "pulse", "port": 1, "bt": NOW, "t": [0] * 4_000, "line": [1]}
    message = delivery(station.serial, "detections", body, stream="a", seq=1)
    assert pipeline.take([message]).stored == 1
    assert Detection.objects.count() == 4_000
    assert BURST - contact(station).quota_bytes >= 4_000 * ROW_WEIGHT > 10 * len(message.body)


@pytest.mark.parametrize(
    ("what", "columns", "rows"),
    [
        # 100 detections each: of one tag in one hour, of 100 tags, of one tag in 100 hours; pulses in 100 hours.
        ("tag", {"t": [0] * 100, "tag": ["A1.1"] * 100}, 101),
        ("tag", {"t": [0] * 100, "tag": [f"A1.{n}" for n in range(100)]}, 200),
        ("tag", {"t": [-3600 * n for n in range(100)], "tag": ["A1.1"] * 100}, 200),
        ("tag", {"t": [0] * 100, "tag": ["A1.1"] * 100, "port": [1, 2] * 50}, 102),
        ("pulse", {"t": [-3600 * n for n in range(100)]}, 200),
        ("pulse", {"t": [0] * 100, "port": [1, 2] * 50}, 102),
    ],
)
def test_hourly_counts_are_paid_for_like_rows(pipeline, station, delivery, what, columns, rows):
    body = {"what": what, "port": 1, "bt": NOW, "line": [1], **columns}
    pipeline.take([delivery(station.serial, "detections", body, stream="a", seq=1)])
    left = Detection.objects.count() + (TagHour if what == "tag" else DetectionCount).objects.count()
    assert left == rows
    assert BURST - contact(station).quota_bytes == max(rows * ROW_WEIGHT, len(json.dumps(body)))


def test_a_batch_ends_where_it_has_cost_enough_and_says_whose_it_was(pipeline, make_station, delivery, monkeypatch):
    dear, cheap = make_station(), make_station()
    monkeypatch.setattr(pipelines, "PORTION", Portion(seconds=60.0, rows=250, size=10**9))
    batch = [delivery(dear.serial, "readings", body_of(100, n * 100), stream="a", seq=n + 1) for n in range(5)]
    batch.insert(1, delivery(cheap.serial, "readings", body_of(1), stream="a", seq=1))
    outcome = pipeline.take(batch)
    assert outcome.stored == 4
    assert outcome.left == batch[4:]
    assert outcome.costly == {f"in.{dear.serial}"}
    assert Reading.objects.count() == 301
    assert pipeline.take(outcome.left).left == []
    assert Reading.objects.count() == 501


def test_a_batch_ends_where_reading_has_taken_long(pipeline, make_station, delivery, monkeypatch):
    slow, other = make_station(), make_station()
    monkeypatch.setattr(pipelines, "PORTION", Portion(seconds=1e-6, rows=10**9, size=10**9))
    batch = [delivery(slow.serial, "readings", body_of(5_000), stream="a", seq=n + 1) for n in range(3)]
    outcome = pipeline.take([*batch, delivery(other.serial, "readings", body_of(1), stream="a", seq=1)])
    assert (outcome.stored, len(outcome.left)) == (1, 3)


def test_what_nobody_has_read_is_counted_and_taken_later(pipeline, station, delivery):
    batch = [packed(delivery, station, body_of(10, n * 10), stream="a", seq=n + 1) for n in range(3)]
    outcome = pipeline.take_unread(batch)
    assert (outcome.stored, outcome.quarantined) == (0, 3)
    assert StreamLedger.objects.get().messages == 3
    held = QuarantinedMessage.objects.filter(state="held", is_unread=True)
    assert set(held.values_list("reason", flat=True)) == {"over-quota"}
    assert pipeline.take_unread(batch).repeats == 3
    assert quota_release() == 3
    assert Reading.objects.count() == 30
    assert not held.exists()


def test_a_number_in_an_unread_body_is_noted_when_it_is_read(pipeline, station, delivery):
    bodies = [{"at": NOW, "battery_v": 12.0, "stream": "plain", "seq": n} for n in (1, 2, 2)]
    pipeline.take_unread([delivery(station.serial, "health", body) for body in bodies])
    assert not StreamLedger.objects.exists()
    assert quota_release() == 3
    ledger = StreamLedger.objects.get()
    assert (ledger.stream, ledger.messages, ledger.repeats) == ("plain", 2, 1)


def test_the_neighbours_of_messages_that_the_database_refuses_are_stored_first(
    pipeline, make_station, delivery, monkeypatch
):
    bad, good = make_station(), make_station()
    batch = [delivery(bad.serial, "readings", body_of(1, n), stream="a", seq=n + 1) for n in range(50)]
    batch += [delivery(good.serial, "readings", body_of(1, n), stream="a", seq=n + 1) for n in range(50)]
    write, tries = pipeline._write, []

    def refusing(deliveries, **how):
        tries.append(len(deliveries))
        if any(d.exchange == f"in.{bad.serial}" for d in deliveries):
            time.sleep(0.02)
            raise ValueError("planted")
        return write(deliveries, **how)

    monkeypatch.setattr(pipeline, "_write", refusing)
    monkeypatch.setattr(pipelines, "PARTS_S", 0.3)
    outcome = pipeline.take(batch)
    assert tries[:3] == [100, 50, 50]
    assert Reading.objects.filter(series__station=good).count() == 50
    assert outcome.left, "the search for the bad messages is postponed"
    assert {d.exchange for d in outcome.left} == outcome.costly == {f"in.{bad.serial}"}
    assert len(outcome.left) + outcome.quarantined + outcome.stored == 100
    assert contact(bad).quota_bytes < BURST - 400_000


def test_a_message_is_read_once_however_often_its_batch_is_tried(pipeline, station, delivery, monkeypatch):
    read = []
    decode = pipelines.Reader.ahead.__globals__["message_read"]
    monkeypatch.setitem(
        pipelines.Reader.ahead.__globals__, "message_read", lambda *what: read.append(1) or decode(*what)
    )
    first = delivery(station.serial, "readings", body_of(1), stream="a", seq=1)
    pipeline.take([first])
    again = delivery(station.serial, "readings", body_of(1), stream="a", seq=2)
    pipeline.take([again])
    assert len(read) == 2, "two bodies were read: one for each message, although its batch was written again"


def test_of_large_messages_that_wait_a_few_are_taken_at_a_time_and_others_get_their_share(
    pipeline, make_station, delivery, monkeypatch
):
    large, small = make_station(), make_station()
    pipeline.take_unread([packed(delivery, large, body_of(500, n * 500), stream="a", seq=n + 1) for n in range(6)])
    pipeline.take_unread([packed(delivery, small, body_of(1, n), stream="a", seq=n + 1) for n in range(3)])
    monkeypatch.setattr("fleet.ingest.replay.RELEASED_BYTES", 60_000)
    assert quota_release() == 1 + 3
    assert [quota_release() for _ in range(3)] == [2, 2, 1]
    assert Reading.objects.count() == 3_003
