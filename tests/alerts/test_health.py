"""Health alerts reach people: once per mark, in a sentence that says what to do, and again when the problem is over."""

from datetime import timedelta

import pytest

from fleet.alerts.models import Incident
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import rules_sweep
from fleet.core import clock
from fleet.stations.contact.health_marks import marks_of
from fleet.stations.models import Station, StationContact

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def station(member, make_station):
    return make_station("SG-1")


def report(station, *, ago=timedelta(), clock_offset_s=0.0, **health):
    moment = clock.now() - ago
    StationContact.objects.filter(station=station).update(
        health={"at": moment.timestamp(), **health}, health_occurred_at=moment, health_received_at=moment,
        clock_offset_s=clock_offset_s,
    )  # fmt: skip
    rules_sweep()
    notifications_send(channel="mail")


def opened(station):
    return sorted(Incident.objects.filter(station=station, closed_at=None).values_list("rule", flat=True))


@pytest.mark.parametrize(
    ("said", "rule", "subject", "words"),
    [
        ({"battery_v": 9.1}, "health_battery", "Battery low", "Its battery is at 9.1 V"),
        ({"temperature_c": 94.0}, "health_heat", "Too hot", "It is 94 °C inside."),
        ({"disk_percent": 99.5}, "health_disk", "Disk nearly full", "Its disk is 99.5 % full"),
        ({"disk_percent": 99.99}, "health_disk", "Disk nearly full", "Its disk is 99.9 % full"),
        ({"disk_percent": 100.0}, "health_disk", "Disk nearly full", "Its disk is 100 % full"),
        (
            {"radios": [{"port": 3, "state": "error"}]},
            "health_radios",
            "Radio off",
            "Its radio on port 3 is not running",
        ),
        ({"clock_offset_s": 300.0}, "health_clock", "Clock wrong", "Its clock is 5 min ahead of ours"),
        ({"clock_offset_s": -26 * 366 * 86_400.0}, "health_clock", "Clock wrong", "behind ours"),
    ],
)
def test_a_mark_opens_an_incident_and_one_mail_says_what_to_do(smtp, station, said, rule, subject, words):
    report(station, **said)
    report(station, **said)
    assert opened(station) == [rule]
    (mail,) = smtp.taken
    assert mail["Subject"].startswith(f"{subject}: ")
    assert words in mail.get_content()


def test_a_value_that_trembles_around_its_limit_tells_nobody_twice(smtp, station):
    for volts in (11.7, 11.9, 11.7, 12.1, 11.79):
        report(station, battery_v=volts)
        assert opened(station) == ["health_battery"]
    report(station, battery_v=12.3)
    assert opened(station) == []
    assert [mail["Subject"].partition(":")[0] for mail in smtp.taken] == ["Battery low", "Over"]
    assert "Its battery is back at 12.3 V." in smtp.taken[1].get_content()
    for percent, is_open in ((96.0, True), (93.0, True), (91.0, False), (94.9, False)):
        report(station, disk_percent=percent)
        assert (opened(station) == ["health_disk"]) is is_open
    for degrees, is_open in ((75.0, True), (71.0, True), (69.0, False), (74.9, False)):
        report(station, temperature_c=degrees)
        assert (opened(station) == ["health_heat"]) is is_open


def test_each_mark_is_an_incident_of_its_own(station):
    report(station, battery_v=9.1, disk_percent=99.5, temperature_c=94.0)
    assert opened(station) == ["health_battery", "health_disk", "health_heat"]
    report(station, battery_v=9.1)
    assert opened(station) == ["health_battery"]


@pytest.mark.parametrize(
    "said",
    [
        {"battery_v": 11.8},
        {"battery_v": 3.7},
        {"disk_percent": 94.9},
        {"temperature_c": 74.9},
        {"temperature_c": "94"},
        {"battery_v": None},
        {"radios": [{"port": 1, "state": "running"}, {"port": 2}]},
        {"clock_offset_s": 100.0},
        # A message that waited ten minutes in our queue looks like a clock that is ten minutes slow.
        {"clock_offset_s": -600.0},
        {"battery_v": 9.1, "ago": timedelta(days=2)},
    ],
)
def test_what_is_in_order_unknown_or_long_ago_tells_nobody(smtp, station, said):
    report(station, **said)
    assert opened(station) == []
    assert smtp.taken == []


@pytest.mark.parametrize("change", [{"is_in_maintenance": True}, {"retired_at": clock.now()}])
def test_whoever_works_at_a_station_is_not_told_of_it(smtp, station, change):
    report(station, temperature_c=94.0)
    Station.objects.filter(pk=station.pk).update(**change)
    report(station, temperature_c=94.0)
    assert opened(station) == []
    assert len(smtp.taken) == 1
    report(station, temperature_c=94.0)
    assert opened(station) == []


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"disk_percent": 99.5}, "disk 99.5 % full"),
        ({"disk_percent": 94.9}, "disk 94 % full"),
        ({"battery_v": 11.76}, "battery 11.7 V"),
    ],
)
def test_a_mark_never_says_more_than_there_is(station, said, word):
    report(station, **said)
    (mark,) = marks_of(StationContact.objects.get(station=station))
    assert mark.word == word
