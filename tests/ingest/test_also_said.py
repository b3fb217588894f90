"""Fields that our contracts do not know are kept as sent, within bounds, and shown."""

import time

import pytest

from fleet.stations.models import StationContact
from fleet.telemetry.models import Reading, StationEvent
from message_queue.also_said import FIELDS_MOST, MORE
from sg_status.health import also_said_of

pytestmark = pytest.mark.django_db
NOW = time.time()


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 100))

    def sent(kind, body):
        outcome = pipeline.take([delivery(station.serial, kind, body, stream="a", seq=next(numbers))])
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
