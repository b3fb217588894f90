"""The first page of a station says how often it is heard from, in one sentence, for a constant number of queries."""

from datetime import timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.stations.models import ContactDay, StationContact

pytestmark = pytest.mark.django_db

HOURLY = "It usually reports every hour."


def history(station, *, days: int, seconds: float = 3_600.0) -> None:
    today = clock.now().date()
    ContactDay.objects.bulk_create(
        ContactDay(station=station, day=today - timedelta(days=ago), pauses_s=[seconds] * 24)
        for ago in range(1, days + 1)
    )


def test_the_first_page_says_the_rhythm_also_beside_an_announced_interval(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    StationContact.objects.filter(station=station).update(announced_interval_s=600.0)
    page = browse(viewer).get(f"/stations/{station.serial}/").content.decode()
    assert "usually reports" not in page
    history(station, days=20)
    page = browse(viewer).get(f"/stations/{station.serial}/").content.decode()
    assert f'<p class="dim">{HOURLY}</p>' in page
    assert "It reports every 10 min." in page


def test_a_rhythm_that_is_not_known_yet_or_over_is_not_claimed(browse, viewer, institute):
    young, gone = station_of(institute, state="on_time"), station_of(institute, state="silent", retired_at=clock.now())
    history(young, days=2)
    history(gone, days=20)
    client = browse(viewer)
    page = client.get(f"/stations/{young.serial}/").content.decode()
    assert "It has not reported often enough for its rhythm to be known." in page
    assert "usually reports every" not in client.get(f"/stations/{gone.serial}/").content.decode()


def test_a_long_history_costs_as_many_queries_as_a_short_one(browse, viewer, institute, queries_of):
    short, long = station_of(institute, state="on_time"), station_of(institute, state="on_time")
    history(short, days=3)
    history(long, days=42)
    client = browse(viewer)
    few = queries_of(client, f"/stations/{short.serial}/")
    assert queries_of(client, f"/stations/{long.serial}/") == few


def test_how_we_know_is_said_with_the_interval(browse, viewer, institute):
    station = station_of(institute, state="on_time")
    contact = StationContact.objects.filter(station=station)
    contact.update(announced_interval_s=None, learned_interval_s=3_300.0, rhythm_s=[3_960.0] * 24)
    page = browse(viewer).get(f"/stations/{station.serial}/").content.decode()
    assert "every 55 min, learned from its contacts" in page
    assert "It reports every 55 min." in page
