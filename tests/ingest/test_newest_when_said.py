"""A station's reports about itself move only forward in its own sequence, in whatever order they arrive."""

import time

import pytest

from fleet.ingest.sequence import StreamPlace, is_newer
from fleet.stations.life.hardware import pair_list
from fleet.stations.models import StationContact, StationDataUse

pytestmark = pytest.mark.django_db
NOW = time.time()
DAY = 86_400.0


@pytest.fixture
def say(pipeline, station, delivery):
    def said(kind, at, *, stream="a", seq=None, **fields):
        numbered = {} if seq is None else {"stream": stream, "seq": seq}
        return pipeline.take([delivery(station.serial, kind, {"at": at, **fields}, **numbered)])

    return said


def contact():
    return StationContact.objects.get()


def expected_s():
    row = contact()
    return (row.late_after - row.last_contact_at).total_seconds()


def test_a_day_of_reports_newest_first_leaves_the_newest_word(say):
    """A station on the satellite profile comes back after a day without a link and sends the newest first."""
    say("health", NOW, seq=30, next_in=600, disk_percent=50, warnings=["now"])
    expected = expected_s()
    for age in range(1, 25):
        say("health", NOW - age * 3_600, seq=30 - age, next_in=10, disk_percent=99, warnings=["then"])
    row = contact()
    assert (row.announced_interval_s, row.health["disk_percent"], row.health["warnings"]) == (600, 50, ["now"])
    assert expected_s() == pytest.approx(expected)


def test_the_same_in_one_batch(pipeline, station, delivery):
    reports = [
        delivery(
            station.serial, "health", {"at": NOW - age, "next_in": 600 if age == 0 else 10}, stream="a", seq=30 - age
        )
        for age in range(25)
    ]
    pipeline.take(reports)
    assert contact().announced_interval_s == 600


def test_an_old_hello_undoes_nothing_of_the_new_one(say, station):
    new = {"profile": "normal", "next_in": 900, "machine": "m2", "card_key": "c", "hardware": {"address": "192.0.2.7"}}
    old = {
        "profile": "frugal",
        "next_in": 86_400,
        "machine": "m1",
        "card_key": "c",
        "hardware": {"address": "192.0.2.1"},
    }
    say("hello", NOW, seq=9, **new)
    say("hello", NOW - DAY, seq=2, **old)
    row = contact()
    assert (row.hello["profile"], row.announced_interval_s, row.address) == ("normal", 900, "192.0.2.7")
    assert [pair.machine for pair in pair_list(station=station)] == ["m2"]


def test_a_hello_without_an_address_leaves_the_known_one(say):
    say("hello", NOW, seq=1, hardware={"address": "192.0.2.7"})
    say("hello", NOW + 1, seq=2, hardware={"cpus": 4})
    assert (contact().address, contact().hello["hardware"]) == ("192.0.2.7", {"cpus": 4})


def test_a_clock_that_said_2043_and_was_put_right_freezes_nothing(say):
    say("health", 2_303_000_000.0, seq=1, next_in=10)
    say("hello", 2_303_000_000.0, seq=2, profile="frugal")
    say("health", NOW, seq=3, next_in=600)
    say("hello", NOW, seq=4, profile="normal")
    row = contact()
    assert (row.announced_interval_s, row.hello["profile"], row.health["next_in"]) == (600, "normal", 600)


def test_a_clock_that_is_a_year_behind_after_a_restart_freezes_nothing(say):
    say("health", NOW, seq=1, next_in=10)
    say("health", NOW - 365 * DAY, seq=2, next_in=600)
    assert contact().announced_interval_s == 600


def test_an_outbox_that_began_later_is_newer_though_its_numbers_are_lower(say):
    say("health", NOW - DAY, stream="lost", seq=900, next_in=10)
    say("health", NOW - 3_600, stream="next", seq=1, next_in=600)
    say("health", NOW - 7_200, stream="lost", seq=901, next_in=20)
    assert (contact().announced_interval_s, contact().health["next_in"]) == (600, 600)


def test_a_client_without_numbers_goes_by_its_clock(say):
    say("health", NOW, next_in=600)
    say("health", NOW - DAY, next_in=10)
    assert contact().announced_interval_s == 600
    say("health", NOW + 1, next_in=300)
    assert contact().announced_interval_s == 300


@pytest.mark.parametrize("wrong", [2_303_000_000.0, 946_684_900.0, 120.0])
def test_a_client_without_numbers_and_with_a_wrong_clock_is_never_frozen(wrong, say):
    for at, seconds in ((NOW, 10), (wrong, 20), (NOW + 1, 600)):
        say("health", at, next_in=seconds)
        assert contact().announced_interval_s == seconds


def test_what_waited_in_quarantine_is_no_news_when_it_is_replayed(say, pipeline, station, delivery):
    say("health", NOW, seq=5, next_in=600)
    say("hello", NOW, seq=6, profile="normal")
    old = [
        delivery(station.serial, "health", {"at": NOW - DAY, "next_in": 10}, stream="a", seq=2),
        delivery(station.serial, "hello", {"at": NOW - DAY, "profile": "frugal"}, stream="a", seq=3),
    ]
    pipeline.retake(old)
    row = contact()
    assert (row.announced_interval_s, row.health["next_in"], row.hello["profile"]) == (600, 600, "normal")
    pipeline.retake([delivery(station.serial, "health", {"at": NOW + 9, "next_in": 300}, stream="a", seq=7)])
    assert (contact().announced_interval_s, contact().health["next_in"]) == (300, 300)


def test_an_older_count_of_bytes_is_not_counted_twice(say):
    def use(sent):
        return {"data_use": {"sent": sent, "received": 0, "counter": "c"}}

    say("health", NOW, seq=3, **use(1_000))
    say("health", NOW - 60, seq=2, **use(500))
    say("health", NOW + 60, seq=4, **use(1_100))
    assert StationDataUse.objects.get().sent == 1_100


def test_an_announcement_stays_when_a_newer_report_announces_nothing(say):
    say("health", NOW, seq=1, next_in=600)
    say("health", NOW + 1, seq=2)
    assert contact().announced_interval_s == 600


@pytest.mark.parametrize(
    ("word", "known", "wanted"),
    [
        (StreamPlace(1, 5, 100.0), StreamPlace(1, 4, 900.0), True),
        (StreamPlace(1, 4, 900.0), StreamPlace(1, 5, 100.0), False),
        (StreamPlace(2, 1, 100.0), StreamPlace(1, 5, 900.0), True),
        (StreamPlace(1, 9, 900.0), StreamPlace(2, 1, 100.0), False),
        (StreamPlace(None, None, 900.0), StreamPlace(1, 5, 100.0), True),
        (StreamPlace(1, 5, 100.0), StreamPlace(None, None, 900.0), False),
        (StreamPlace(1, 5, 100.0), StreamPlace(None, None, 5_000.0), True),
        (StreamPlace(None, None, 1.0, True), StreamPlace(None, None, 900.0), True),
        (StreamPlace(1, 5, 100.0), None, True),
    ],
)
def test_which_of_two_words_is_newer(word, known, wanted):
    assert is_newer(word, known, 1_000.0) is wanted
