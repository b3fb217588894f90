"""Hours of stations: what arrived, came later, is missing or was not expected, and what is only the station's own pace."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import SERVER, station_of

from fleet.core import clock
from fleet.core.models import Outage
from fleet.core.pulses import INGEST
from fleet.stations.contact.hours import ASLEEP, DOWN, HEARD, LATER, MISSING, NOTHING, HourStretch, hours_of
from fleet.stations.models import Station, StationContact, StationDay
from fleet.stations.services import station_change

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def station(institute):
    found = station_of(institute, state="on_time")
    StationContact.objects.filter(station=found).update(
        first_contact_at=NOON - 400 * HOUR, last_contact_at=NOON, late_after=NOON + HOUR, silent_after=NOON + 2 * HOUR
    )
    return fresh(found)


def fresh(station: Station) -> Station:
    return Station.objects.select_related("contact", "organization").get(pk=station.pk)


def bits(*ago: int) -> dict:
    """Hours before noon as bits by day."""
    days: dict = {}
    for back in ago:
        at = NOON - back * HOUR
        days[at.date()] = days.get(at.date(), 0) | 1 << at.hour
    return days


def note(station: Station, **ago) -> None:
    for name, hours in ago.items():
        for day, mask in bits(*hours).items():
            row, _is_new = StationDay.objects.get_or_create(station=station, day=day)
            StationDay.objects.filter(pk=row.pk).update(**{name: getattr(row, name) | mask})


def kinds(station: Station, hours: int = 24) -> tuple[str, ...]:
    return hours_of(stations=[station], moment=NOON, hours=hours)[station.pk].kinds


def test_hours_say_what_arrived_in_time_later_and_not_at_all(station):
    note(station, heard=range(24), late=[5, 6])
    assert kinds(station) == tuple(LATER if 23 - place in (5, 6) else HEARD for place in range(24))
    StationDay.objects.all().delete()
    note(station, heard=[back for back in range(30) if back not in (10, 11, 12)])
    found = hours_of(stations=[station], moment=NOON, hours=24)[station.pk]
    assert found.stretches() == [HourStretch(HEARD, 0, 11), HourStretch(MISSING, 11, 3), HourStretch(HEARD, 14, 10)]
    assert (found.count(HEARD), found.count(MISSING)) == (21, 3)


def test_what_is_not_due_yet_is_not_missing_and_becomes_so_with_the_silence(station):
    note(station, heard=range(3, 30))
    StationContact.objects.filter(station=station).update(announced_interval_s=4 * 3_600.0)
    assert kinds(fresh(station))[-4:] == (HEARD, MISSING, MISSING, NOTHING), "its data has a pace of one hour"
    note(station, heard=range(1, 3))
    assert kinds(fresh(station))[-2:] == (HEARD, NOTHING)
    StationContact.objects.filter(station=station).update(state="silent")
    StationDay.objects.all().delete()
    note(station, heard=range(2, 30))
    assert kinds(fresh(station))[-3:] == (HEARD, MISSING, NOTHING)


def test_a_station_that_measures_every_six_hours_has_no_gaps_between(station):
    note(station, heard=range(2, 60, 6))
    assert set(kinds(station, 48)[:-3]) == {HEARD}
    StationDay.objects.all().delete()
    note(station, heard=[back for back in range(2, 90, 6) if back not in (20, 26)])
    assert MISSING in kinds(station, 48)


def test_planned_sleep_and_our_own_downtime_are_not_missing(station):
    note(station, heard=[*range(8), *range(14, 30)], asleep=[8, 9, 10])
    Outage.objects.create(name=INGEST, started_at=NOON - 12 * HOUR, ended_at=NOON - 10.6 * HOUR)
    by_hour = dict(zip(range(23, -1, -1), kinds(station), strict=True))
    assert [by_hour[back] for back in (13, 12, 11, 10, 9, 8)] == [MISSING, DOWN, DOWN, ASLEEP, ASLEEP, ASLEEP]


def test_nothing_is_expected_before_the_first_contact_or_after_retiring(institute, station):
    StationContact.objects.filter(station=station).update(first_contact_at=NOON - 5 * HOUR)
    note(station, heard=range(4))
    assert kinds(fresh(station))[-6:] == (MISSING, MISSING, HEARD, HEARD, HEARD, HEARD)
    assert set(kinds(fresh(station))[:-6]) == {NOTHING}
    Station.objects.filter(pk=station.pk).update(retired_at=NOON - 2 * HOUR)
    StationDay.objects.all().delete()
    assert kinds(fresh(station))[-3:] == (NOTHING, NOTHING, NOTHING)
    unheard = station_of(institute)
    assert set(kinds(unheard)) == {NOTHING}


def test_many_stations_cost_as_many_queries_as_one(institute, station):
    stations = [station, *(station_of(institute, state="on_time") for _ in range(5))]
    for count in (1, 6):
        with CaptureQueriesContext(connection) as asked:
            hours_of(stations=stations[:count], moment=NOON, hours=168)
        assert len(asked.captured_queries) == 2


def test_what_people_plan_is_noted_and_taken_back(station):
    moment = clock.now()
    station_change(station=station, actor=SERVER, maintenance_until=moment + 30 * HOUR)
    planned = sum(mask.bit_count() for mask in StationDay.objects.values_list("asleep", flat=True))
    assert 28 <= planned <= 30
    station_change(station=station, actor=SERVER, is_in_maintenance=False)
    left = sum(mask.bit_count() for mask in StationDay.objects.values_list("asleep", flat=True))
    assert left == 0
