"""The contact strip of a station counts from its first contact, and shows only missing hours as missing."""

from datetime import timedelta

import pytest
from django.http import QueryDict
from people import station_of

from fleet.core import clock
from fleet.stations.contact.hours import hours_of
from fleet.stations.models import StationContact, StationDay
from sg_status.spine.axis import axis_of
from sg_status.spine.contact import strip_of

HOUR = timedelta(hours=1)


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time")


def contact_begin(station, at) -> None:
    StationContact.objects.filter(station=station).update(first_contact_at=at)
    station.contact.refresh_from_db()


def heard(station, *hours) -> None:
    for hour in hours:
        row, _made = StationDay.objects.get_or_create(station=station, day=hour.date())
        row.heard |= 1 << hour.hour
        row.save(update_fields=["heard"])


def strip(station, moment, *, days=7, is_overdue=False, excused=()):
    axis = axis_of(QueryDict(f"days={days}"), moment)
    hours = hours_of(stations=[station], moment=moment, hours=(moment - axis.start) // HOUR + 1)[station.pk]
    return strip_of(axis, hours, last_at=station.contact.last_contact_at, is_overdue=is_overdue, excused=excused)


def half_past():
    return clock.now().replace(minute=30, second=0, microsecond=0)


@pytest.mark.django_db
def test_hours_are_counted_from_the_first_contact(station):
    moment = half_past()
    contact_begin(station, moment - 7 * HOUR)
    heard(station, moment - 7 * HOUR, moment - 1 * HOUR)
    found = strip(station, moment)
    assert (found.heard, found.expected) == (2, 7), "the running hour is not missed yet"
    assert found.is_new
    assert found.sentence == "2 of 7 hours have arrived since it was added."


@pytest.mark.django_db
def test_older_data_that_came_with_it_moves_the_beginning(station):
    moment = half_past()
    contact_begin(station, moment - 2 * HOUR)
    heard(station, moment - 20 * HOUR, moment - 1 * HOUR)
    found = strip(station, moment)
    assert (found.heard, found.expected) == (2, 20)


@pytest.mark.django_db
def test_a_station_of_old_is_counted_over_the_whole_strip(station):
    moment = half_past()
    contact_begin(station, moment - timedelta(days=90))
    heard(station, *(moment - number * HOUR for number in range(7 * 24)))
    found = strip(station, moment)
    assert not found.is_new
    assert found.sentence == "All 168 hours have arrived."


@pytest.mark.django_db
def test_an_overdue_station_is_missed_from_its_last_contact_to_now(station):
    moment = half_past()
    last = moment - 3 * HOUR - timedelta(minutes=12)
    contact_begin(station, moment - timedelta(days=2))
    heard(station, *(moment - number * HOUR for number in range(3, 48)))
    station.contact.last_contact_at = last
    axis = axis_of(QueryDict(), moment)
    *_, received, missing = strip(station, moment, is_overdue=True).pieces
    assert (received.kind, missing.kind) == ("c1", "c0")
    assert missing.x == pytest.approx(axis.x(last), abs=0.02)
    assert missing.x + missing.width == pytest.approx(axis.now, abs=0.05)
    assert missing.words.endswith("(3 h 12 min)")


@pytest.mark.django_db
def test_hours_whose_data_went_to_another_year_are_not_called_missing(station):
    moment = half_past()
    contact_begin(station, moment - timedelta(days=2))
    heard(station, moment - 40 * HOUR, moment - 1 * HOUR)
    assert "c0" in {piece.kind for piece in strip(station, moment).pieces}
    excused = [(moment - 60 * HOUR, moment)]
    assert "c0" not in {piece.kind for piece in strip(station, moment, excused=excused).pieces}


@pytest.mark.django_db
@pytest.mark.parametrize("days", [30, 365])
def test_a_step_of_several_hours_is_received_if_any_of_them_is(station, days):
    moment = half_past()
    contact_begin(station, moment - timedelta(days=500))
    heard(station, *(moment - number * timedelta(days=1) for number in range(days)))
    kinds = {piece.kind for piece in strip(station, moment, days=days).pieces}
    assert "c1" in kinds
    assert ("c0" in kinds) == (days == 30)
