"""Hours of stations as ingest notes them: once, whether their data came late, and when a station sleeps by plan."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from fleet.ingest.corrections.time_shifts import time_shift
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import StationDay

pytestmark = pytest.mark.django_db

NOW = time.time()
HOUR = 3_600.0


def hours(station, name):
    """The noted hours, in whole hours before the one in which these tests began."""
    found = set()
    present = datetime.fromtimestamp(NOW, tz=UTC).replace(minute=0, second=0, microsecond=0)
    for day, mask in StationDay.objects.filter(station=station).values_list("day", name):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found |= {round((present - midnight) / timedelta(hours=1)) - bit for bit in range(24) if mask >> bit & 1}
    return found


def senml(*ago):
    return [{"n": "temp", "v": 1.0 + back, "t": NOW - back * HOUR, "u": "Cel"} for back in ago]


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 100))
    return lambda kind, body, **words: pipeline.take(
        [delivery(station.serial, kind, body, stream="a", seq=next(numbers), **words)]
    )


def test_readings_and_detections_note_their_hours_and_whether_they_came_late(send, station):
    send("readings", senml(0, 5))
    send("detections", {"what": "pulse", "port": 1, "bt": NOW - 9 * HOUR, "t": [0.5], "line": [2], "freq": [1.0]})
    assert hours(station, "heard") == {0, 5, 9}
    assert hours(station, "late") == {5, 9}


def test_an_hour_that_was_heard_in_time_stays_so_when_more_of_it_comes_later(send, station):
    send("readings", senml(0))
    # Five hours ago may be another day.
    for ago in (0, 5):
        day = datetime.fromtimestamp(NOW - ago * HOUR, tz=UTC).date()
        StationDay.objects.update_or_create(station=station, day=day, defaults={"heard": 2**24 - 1})
    send("readings", senml(5))
    assert hours(station, "late") == set()


def test_what_is_late_depends_on_how_often_the_station_reports(send, station):
    send("health", {"at": NOW, "battery_v": 12.5, "next_in": 12 * HOUR})
    send("readings", senml(7, 30))
    assert hours(station, "late") == {30}


def test_a_batch_that_was_rolled_back_and_written_again_leaves_its_hours(send, station):
    send("readings", senml(3))
    # Equal rows under new numbers: the straight way fails, and the staged way writes the batch.
    send("readings", [*senml(3), *senml(8)])
    assert hours(station, "heard") == {3, 8}


def test_a_station_that_announces_a_long_pause_sleeps_by_plan(send, station):
    send("health", {"at": NOW, "next_in": 600.0})
    assert hours(station, "asleep") == set()
    send("health", {"at": NOW + 1, "next_in": 10 * HOUR})
    asleep = hours(station, "asleep")
    assert 8 <= len(asleep) <= 9
    assert max(asleep) in (-1, -2), "from the next whole hour"


def test_data_that_a_person_moves_to_the_right_time_is_noted_there(send, station):
    send("readings", [{"n": "temp", "v": 1.0, "t": 946_684_800.0 + 60, "u": "Cel"}])
    time_shift(actor=viewer_of_server("test"), station=station, side="behind")
    assert hours(station, "heard") & {0, -1}
