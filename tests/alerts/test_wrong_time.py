"""Data with a wrong time opens an incident, which closes once the data is moved or old."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.alerts.models import Incident
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.ingest.corrections.time_shifts import time_shift
from fleet.organizations.access import viewer_of_server
from fleet.stations.models import Station, StationContact
from fleet.telemetry.models import Detection, DetectionCount, DirtyHour, Reading, Series

pytestmark = pytest.mark.django_db
Y2000 = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def station(member, make_station):
    return make_station("SG-1")


def sweep():
    rules_sweep()
    notifications_send(channel="mail")


def opened():
    return list(Incident.objects.filter(rule="wrong_time", closed_at=None).values_list("station__serial", flat=True))


def read(station, at, *, came=None):
    came = came or clock.now()
    series, _ = Series.objects.get_or_create(station=station, name="t", defaults={"created_at": came})
    Reading.objects.create(series=series, occurred_at=at, received_at=came, value=1, flags=1 if at < came else 2)
    DirtyHour.objects.get_or_create(series=series, hour=at.replace(minute=0, second=0, microsecond=0))


def heard(station, at, *, came=None):
    came = came or clock.now()
    Detection.objects.create(
        station=station, occurred_at=at, port=1, kind=2, line=1, received_at=came, tag="1.1", flags=1
    )
    hour = at.replace(minute=0, second=0, microsecond=0)
    DetectionCount.objects.create(station=station, hour=hour, port=1, kind=2, count=1)


@pytest.mark.parametrize("put", [read, heard])
@pytest.mark.parametrize(
    ("at", "words"),
    [
        (Y2000, "Its clock says 1 Jan 2000. Its data is filed under that time"),
        (datetime(1970, 1, 1, 3, tzinfo=UTC), "Its clock says 1 Jan 1970."),
        (datetime(2043, 1, 1, tzinfo=UTC), " ahead. Its data is filed under that time"),
    ],
)
def test_it_is_told_once_and_over_when_the_data_are_moved(smtp, station, put, at, words):
    StationContact.objects.filter(station=station).update(last_contact_at=clock.now())
    put(station, at)
    sweep()
    sweep()
    assert opened() == ["SG-1"]
    (mail,) = smtp.taken
    assert mail["Subject"].startswith("Data with a wrong time: ")
    assert words in mail.get_content()
    assert "then move the data to the right time" in mail.get_content()
    side = "behind" if at.year < 2010 else "ahead"
    time_shift(actor=viewer_of_server("test"), station=Station.objects.get(pk=station.pk), side=side)
    sweep()
    assert opened() == []
    assert smtp.taken[1]["Subject"].startswith("Times correct again: ")


def test_old_ones_open_nothing_and_end_what_is_open_with_a_word_about_them(smtp, station):
    read(station, Y2000, came=clock.now() - timedelta(hours=7))
    sweep()
    assert opened() == []
    read(station, Y2000 + timedelta(minutes=1))
    sweep()
    assert opened() == ["SG-1"]
    Reading.objects.update(received_at=clock.now() - timedelta(hours=7))
    sweep()
    assert opened() == []
    assert "stays there until somebody moves it" in smtp.taken[1].get_content()


def test_a_clock_that_is_a_little_ahead_and_a_station_in_maintenance_are_not_told_of(smtp, station, make_station):
    read(station, clock.now() + timedelta(minutes=20))
    other = make_station("SG-2")
    Station.objects.filter(pk=other.pk).update(is_in_maintenance=True)
    read(other, Y2000)
    sweep()
    assert opened() == []
    assert smtp.taken == []
