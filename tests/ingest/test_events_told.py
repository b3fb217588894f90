"""Contact changes are announced on `fleet.events`, each once, with the state before."""

import time
from datetime import timedelta

import pytest

from fleet.core import clock
from fleet.core.models import OutboxMessage
from fleet.stations.contact.deadlines import contact_sweep_late, contact_sweep_silent
from fleet.stations.models import StationContact

pytestmark = pytest.mark.django_db


@pytest.fixture
def speak(pipeline, station, delivery):
    numbers = iter(range(1, 100))

    def spoken():
        at = time.time()
        pipeline.take([delivery(station.serial, "health", {"at": at, "next_in": 60}, stream="a", seq=next(numbers))])

    return spoken


def told():
    rows = OutboxMessage.objects.filter(target=OutboxMessage.Target.EVENT).order_by("id")
    return [(row.routing_key, row.body["before"]) for row in rows]


def test_each_move_of_a_contact_is_told_once(speak, station):
    key = f"old-cut.{station.serial}.contact_"
    speak()
    speak()
    assert told() == [(f"{key}on_time", "never_seen")]
    later = clock.now() + timedelta(days=1)
    for _ in range(2):
        contact_sweep_late(later)
        contact_sweep_silent(later)
    assert told()[1:] == [(f"{key}late", "on_time"), (f"{key}silent", "late")]
    speak()
    assert told()[3:] == [(f"{key}on_time", "silent")]
    body = OutboxMessage.objects.filter(routing_key=f"{key}silent").get().body
    assert (body["event"], body["station"]) == ("contact_silent", station.serial)
    assert body["at"].startswith(f"{later:%Y-%m-%d}")
    assert body["last_contact_at"] < body["at"]


def test_a_contact_may_go_from_on_time_to_silent_at_once(speak, station):
    speak()
    contact_sweep_silent(clock.now() + timedelta(days=1))
    assert told()[1:] == [(f"old-cut.{station.serial}.contact_silent", "on_time")]


def test_a_retired_station_is_told_of_no_more(speak, station):
    speak()
    station.retired_at = clock.now()
    station.save()
    contact_sweep_late(clock.now() + timedelta(days=1))
    assert len(told()) == 1
    assert StationContact.objects.get().state == "late"


def test_thousands_of_stations_are_told_of_in_one_statement(make_station, django_assert_max_num_queries):
    stations = [make_station() for _ in range(50)]
    moment = clock.now()
    StationContact.objects.bulk_create(
        StationContact(station=one, state="on_time", late_after=moment, last_contact_at=moment) for one in stations
    )
    with django_assert_max_num_queries(2):
        assert contact_sweep_late(moment + timedelta(seconds=1)) == 50
    assert len(told()) == 50
