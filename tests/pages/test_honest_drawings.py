"""Small drawings are accurate: bars are linear, and the strip counts from the first contact and marks the present."""

import re
from datetime import timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.stations.models import StationContact
from fleet.telemetry.models import DetectionCount
from sg_status.pages.station.strip import strip_of
from sg_status.templatetags.roost import bar


def width_of(value: int, most: int) -> int:
    return int(re.findall(r'width="(\d+)"', bar(value, most))[-1])


@pytest.mark.parametrize(("value", "width"), [(0, 0), (250, 25), (500, 50), (1_000, 100)])
def test_half_as_many_detections_are_half_as_long_a_bar(value, width):
    assert width_of(value, 1_000) == width


def test_one_of_a_million_is_seen_and_nothing_of_nothing_is_not():
    assert width_of(1, 1_000_000) == 1
    assert width_of(0, 0) == 0


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time")


def contact_begin(station, at) -> None:
    StationContact.objects.filter(station=station).update(first_contact_at=at)
    station.contact.refresh_from_db()


@pytest.mark.django_db
def test_hours_are_counted_from_the_first_contact(station):
    moment = clock.now().replace(minute=30, second=0, microsecond=0)
    contact_begin(station, moment - timedelta(hours=7))
    strip = strip_of(station, [], moment)
    assert strip.hours == 8, "seven whole hours, and the current one"
    assert strip.is_new


@pytest.mark.django_db
def test_older_data_that_came_with_it_moves_the_beginning(station):
    moment = clock.now().replace(minute=30, second=0, microsecond=0)
    contact_begin(station, moment - timedelta(hours=2))
    hour = moment.replace(minute=0) - timedelta(hours=20)
    DetectionCount.objects.create(station=station, hour=hour, port=1, kind=1, count=5)
    strip = strip_of(station, [], moment)
    assert (strip.hours, strip.hours_heard) == (21, 1)


@pytest.mark.django_db
def test_a_station_of_old_is_counted_over_the_whole_strip(station):
    moment = clock.now()
    contact_begin(station, moment - timedelta(days=90))
    strip = strip_of(station, [], moment)
    assert not strip.is_new
    assert 6 * 24 < strip.hours <= 7 * 24


@pytest.mark.django_db
def test_the_strip_marks_the_present_and_not_its_end(browse, viewer, station):
    page = browse(viewer).get(f"/stations/{station.serial}/").content.decode()
    at = re.findall(r'class="now" x1="([\d.]+)"', page)[0]
    moment = clock.now()
    expected = (6 * 24 + moment.hour + moment.minute / 60) * 5
    assert abs(float(at) - expected) < 5
