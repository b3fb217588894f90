"""Fields that our contracts do not know are kept as sent, within limits, and shown."""

import gzip
import json
import random
import time

import pytest
from people import SERVER

from fleet.commands.services import command_issue
from fleet.files.models import StationFile
from fleet.stations.models import StationContact
from fleet.telemetry.models import Detection, Position, Reading, StationEvent
from message_queue.also_said import FIELDS_MOST, MORE
from sg_status.pages.station.health import also_said_of

pytestmark = pytest.mark.django_db
NOW = time.time()


def _noise(length):
    """Text that compresses badly, because the compression ratio of a message is limited."""
    return random.Random(7).randbytes(length).hex()


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 100))

    def sent(kind, body, **properties):
        outcome = pipeline.take([delivery(station.serial, kind, body, stream="a", seq=next(numbers), **properties)])
        assert (outcome.stored, outcome.partial) == (1, 0)
        return StationContact.objects.get().also_said

    return sent


def test_unknown_fields_of_hello_and_health_are_kept_with_the_newest(send):
    said = send("hello", {"at": NOW, "modem": {"imei": "3569", "bars": 4}, "hardware": {"model": "Pi"}})
    assert said == {"hello": {"modem": {"imei": "3569", "bars": 4}}}
    said = send("health", {"at": NOW, "snow_cm": 30, "radios": [{"port": 1, "gain": 40}]})
    assert said["health"] == {"snow_cm": 30, "radios[0].gain": 40}
    assert said["hello"]
    assert send("health", {"at": NOW + 1}) == {"hello": {"modem": {"imei": "3569", "bars": 4}}}


@pytest.mark.parametrize("kind", ["hello", "health"])
@pytest.mark.parametrize("bad", ['"x"', "NaN", '"\\u0000"'])
def test_a_bad_known_field_does_not_hide_the_unknown_ones(pipeline, station, delivery, kind, bad):
    field = "battery_v" if kind == "health" else "boot_count"
    body = f'{{"at": {NOW}, "{field}": {bad}, "novel": 1, "odd": NaN, "text": "a\\u0000"}}'
    outcome = pipeline.take([delivery(station.serial, kind, body.encode(), stream="a", seq=1)])
    assert (outcome.stored, outcome.partial) == (1, 1)
    said = StationContact.objects.get().also_said
    assert said == {kind: {"novel": 1, "odd": "NaN", "text": "(text that cannot be stored)"}}


def test_unknown_fields_stay_with_their_event_when_another_is_left_out(pipeline, station, delivery):
    events = [{"t": "x", "name": "bad", "who": "dog"}, {"t": NOW, "name": "door", "who": "cat"}]
    pipeline.take([delivery(station.serial, "event", {"events": events}, stream="a", seq=1)])
    assert StationEvent.objects.get(name="door").data == {"also": {"who": "cat"}}


def test_unknown_fields_of_an_event_are_in_its_data(send):
    send(
        "event",
        {"events": [{"t": NOW, "name": "door", "data": {"open": True}, "who": "cat"}, {"t": NOW, "name": "rain"}]},
    )
    assert StationEvent.objects.get(name="door").data == {"open": True, "also": {"who": "cat"}}
    assert StationEvent.objects.get(name="rain").data == {}


def test_unknown_fields_of_readings_are_kept_beside_the_readings(send):
    said = send("readings", [{"n": "co2", "v": 400, "quality": "good"}, {"n": "t", "v": 1}])
    assert said == {"readings": {"[co2].quality": "good"}}
    assert Reading.objects.count() == 2


def test_records_of_one_name_say_each_what_they_say(send):
    said = send("readings", [{"n": "t", "v": 1, "t": NOW, "by": "cat"}, {"n": "t", "v": 2, "t": NOW + 1, "by": "dog"}])
    assert said == {"readings": {"[t].by": "cat", "[t#1].by": "dog"}}


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (
            "detections",
            {"what": "pulse", "port": 1, "t": [NOW, NOW + 1], "polarisation": ["h", "v"]},
            {"polarisation": ["h", "v"]},
        ),
        ("gps", {"t": [NOW], "lat": [51.5], "lon": [7.5], "hdop": [0.9]}, {"hdop": [0.9]}),
        ("bursts", {"t": [NOW], "port": 1, "code": ["7"], "phase": [3]}, {"phase": [3]}),
        (
            "file",
            {"at": NOW, "files": [{"name": "a.txt", "state": "done", "owner": "root"}], "disk": "sda1"},
            {"files[0].owner": "root", "disk": "sda1"},
        ),
    ],
)
def test_unknown_fields_of_rows_and_accounts_are_kept_and_their_rows_too(send, kind, body, said):
    assert send(kind, body) == {kind: said}
    known = {name: value for name, value in body.items() if name not in said}
    if "files" in known:
        known["files"] = [{"name": "b.txt", "state": "done"}]
    assert send(kind, known) == {kind: said}
    counts = {"detections": (Detection, 2), "gps": (Position, 1), "bursts": (StationEvent, 1), "file": (StationFile, 2)}
    model, count = counts[kind]
    assert model.objects.count() == count


def test_unknown_fields_of_a_report_on_a_command_are_kept(pipeline, station, delivery):
    command = command_issue(viewer=SERVER, station=station, name="ping", parameters={})
    body = {"command": str(command.pk), "state": "received", "at": NOW, "mood": "good"}
    assert pipeline.take([delivery(station.serial, "command_status", body, stream="a", seq=1)]).stored == 1
    assert StationContact.objects.get().also_said == {"command_status": {"mood": "good"}}
    command.refresh_from_db()
    assert command.state == "received"


def test_a_body_too_long_to_be_looked_through_says_so(send):
    body = {"at": NOW, "warnings": ["w"] * 32, "novel": "x" * 1_100_000}
    said = send(
        "health", gzip.compress(json.dumps({**body, "noise": _noise(20_000)}).encode()), content_encoding="gzip"
    )
    assert said == {"health": {MORE: "too long to be searched"}}


def test_they_are_bounded_in_number_and_length(send):
    said = send("health", {"at": NOW, **{f"x{i}": i for i in range(100)}})["health"]
    assert (len(said), said[MORE]) == (FIELDS_MOST + 1, 100 - FIELDS_MOST)
    said = send("health", {"at": NOW + 1, "novel": "x" * 5_000})["health"]
    assert len(said["novel"]) < 600
    assert said["novel"].endswith(MORE)


def test_they_cost_nothing_that_is_known(send):
    assert send("health", {"at": NOW, "disk_percent": 50}) == {}
    assert send("readings", [{"n": "t", "v": 1}]) == {}


def test_a_number_that_nobody_can_hold_in_an_unknown_field_costs_nothing(pipeline, station, delivery):
    raw = b'{"at":%d,"disk_percent":50,"far":1e999}' % NOW
    outcome = pipeline.take([delivery(station.serial, "health", raw, stream="a", seq=1)])
    assert outcome.stored == 1
    assert StationContact.objects.get().health["disk_percent"] == 50


def test_they_are_shown_as_sent(send):
    send("hello", {"at": NOW, "modem": {"bars": 4}, "note": "<b>hi</b>"})
    assert {fact.name: fact.value for fact in also_said_of(StationContact.objects.get())} == {
        "hello: modem": '{"bars":4}',
        "hello: note": "<b>hi</b>",
    }
