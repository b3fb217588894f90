"""Pauses between contacts as ingest notes them, whatever the age of what arrives, and the deadlines that follow."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.core import clock
from fleet.stations.contact.deadlines import contacts_forgive, interval_most, reports_missed
from fleet.stations.contact.learning import rhythms_learn
from fleet.stations.contact.pauses import pauses_of
from fleet.stations.models import ContactDay, Station, StationContact, StationDay

pytestmark = pytest.mark.django_db

NOW = time.time()
HOUR = 3_600.0


@pytest.fixture
def send(pipeline, station, delivery):
    numbers = iter(range(1, 100))
    return lambda kind, body, **words: pipeline.take(
        [delivery(station.serial, kind, body, stream="a", seq=next(numbers), **words)]
    )


def senml(*ago):
    return [{"n": "temp", "v": 1.0 + back, "t": NOW - back * HOUR, "u": "Cel"} for back in ago]


def heard_ago(station, seconds) -> datetime:
    """Set the last contact back, as if the time since had passed."""
    began = clock.now() - timedelta(seconds=seconds)
    StationContact.objects.filter(station=station).update(last_contact_at=began)
    return began


def noted() -> dict[datetime, float]:
    """The pauses by the hour in which they began."""
    return {
        datetime(row.day.year, row.day.month, row.day.day, place, tzinfo=UTC): seconds
        for row in ContactDay.objects.all()
        for place, seconds in enumerate(row.pauses_s)
        if seconds is not None
    }


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def test_of_each_hour_the_longest_pause_is_noted(send, station):
    send("readings", senml(0))
    assert noted() == {}, "the first contact ends no pause"
    began = heard_ago(station, 5_000)
    send("readings", senml(0.1))
    assert noted() == {hour(began): pytest.approx(5_000, abs=300)}
    row = ContactDay.objects.get()
    row.pauses_s[began.hour], row.pauses_s[began.hour - 12] = 9_000.0, 70.0
    row.save()
    StationContact.objects.filter(station=station).update(last_contact_at=began)
    send("readings", senml(0.2))
    assert ContactDay.objects.get().pauses_s == row.pauses_s, "a shorter one that began in the same hour"
    row.pauses_s[began.hour] = 300.0
    row.save()
    StationContact.objects.filter(station=station).update(last_contact_at=began)
    send("readings", senml(0.3))
    assert noted()[hour(began)] == pytest.approx(5_000, abs=300)
    assert sum(seconds is not None for seconds in ContactDay.objects.get().pauses_s) == 2


def test_a_backlog_that_arrives_late_is_one_contact_after_one_pause(send, station):
    send("readings", senml(0))
    began = heard_ago(station, 30 * HOUR)
    for ago in range(30, 0, -1):
        send("readings", senml(ago))
    found = {at: seconds for at, seconds in noted().items() if seconds > 600}
    assert found == {hour(began): pytest.approx(30 * HOUR, abs=120)}
    # If the hour ends while this test runs, that is noted too.
    assert len(noted()) <= 2


def test_pauses_that_people_planned_are_not_the_stations(send, station):
    send("readings", senml(0))
    Station.objects.filter(pk=station.pk).update(is_in_maintenance=True)
    heard_ago(station, 5 * HOUR)
    send("readings", senml(1))
    assert noted() == {}
    Station.objects.filter(pk=station.pk).update(maintenance_until=clock.now() - timedelta(hours=8))
    began = heard_ago(station, 5 * HOUR)
    send("readings", senml(2))
    assert list(noted()) == [hour(began)], "a maintenance that ended by itself before the pause"
    moment = clock.now()
    assert len(pauses_of(station_ids=[station.pk], moment=moment)[station.pk]) == 1
    asleep = began + timedelta(hours=2)
    StationDay.objects.update_or_create(station=station, day=asleep.date(), defaults={"asleep": 1 << asleep.hour})
    assert pauses_of(station_ids=[station.pk], moment=moment)[station.pk] == []


def test_a_rhythm_decides_only_if_nobody_says_an_interval(send, station):
    send("readings", senml(0))
    rhythm = [7_200.0] * 24
    StationContact.objects.filter(station=station).update(rhythm_s=rhythm)

    def waits():
        row = StationContact.objects.get(station=station)
        return round((row.late_after - row.last_contact_at).total_seconds()), round(
            (row.silent_after - row.last_contact_at).total_seconds()
        )

    send("readings", senml(1))
    assert waits() == (10_805, 21_610)
    Station.objects.filter(pk=station.pk).update(operator_interval_s=600)
    send("readings", senml(2))
    assert waits() == (905, 1_810)
    send("health", {"at": NOW, "next_in": 100})
    assert waits() == (155, 310)
    Station.objects.filter(pk=station.pk).update(operator_interval_s=None)
    send("readings", senml(3))
    assert waits() == (155, 310)


def test_learning_postpones_a_deadline_and_never_advances_one(send, station):
    send("readings", senml(0))
    contact = StationContact.objects.get()
    moment = contact.last_contact_at + timedelta(minutes=20)
    heard = contact.last_contact_at

    def note(seconds):
        ContactDay.objects.all().delete()
        for ago in range(1, 7):
            began = heard - timedelta(days=ago)
            pauses = [seconds if place == began.hour else None for place in range(24)]
            ContactDay.objects.create(station=station, day=began.date(), pauses_s=pauses)
        StationContact.objects.update(rhythm_at=None)

    note(600.0)
    assert rhythms_learn(moment=moment) == 1
    learned = StationContact.objects.get()
    assert learned.silent_after == contact.silent_after
    assert (learned.learned_interval_s, learned.rhythm_s) == (600, pytest.approx([660.0] * 24))
    assert rhythms_learn(moment=moment + timedelta(minutes=20)) == 0, "it was not heard since"
    note(86_400.0)
    assert rhythms_learn(moment=moment) == 1
    later = StationContact.objects.get()
    assert later.silent_after > contact.silent_after + timedelta(days=2)
    assert later.late_after > contact.late_after
    Station.objects.update(operator_interval_s=60.0)
    StationContact.objects.update(silent_after=contact.silent_after)
    note(90_000.0)
    assert rhythms_learn(moment=moment) == 1
    assert StationContact.objects.get().silent_after == contact.silent_after, "a person says its interval"


def test_a_silent_station_stays_silent_whatever_is_learned(send, station):
    send("readings", senml(0))
    began = heard_ago(station, 9 * HOUR)
    ContactDay.objects.create(station=station, day=began.date() - timedelta(days=1), pauses_s=[80_000.0] * 24)
    StationContact.objects.update(state="silent", silent_after=began + timedelta(hours=3))
    assert rhythms_learn(moment=clock.now()) == 1
    row = StationContact.objects.get()
    assert (row.state, row.silent_after) == ("silent", began + timedelta(hours=3))


def test_after_our_outage_the_rhythm_of_the_hour_is_given_again(send, station):
    send("readings", senml(0))
    contact = StationContact.objects.get()
    place = contact.last_contact_at.astimezone(UTC).hour
    rhythm = [50_000.0 if hour == place else 600.0 for hour in range(24)]
    StationContact.objects.update(rhythm_s=rhythm)
    moment = contact.last_contact_at + timedelta(hours=2)
    assert contacts_forgive(moment) == 1
    contact = StationContact.objects.get()
    assert contact.silent_after > moment + timedelta(seconds=150_000)
    assert interval_most(station, contact) == 50_000


def test_missed_reports_are_counted_by_the_rhythm(send, station):
    send("readings", senml(0))
    contact = StationContact.objects.get()
    contact.last_contact_at = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
    contact.rhythm_s = [3_600.0] * 4 + [57_600.0] + [3_600.0] * 19
    assert reports_missed(station, contact, datetime(2026, 11, 20, 20, 0, tzinfo=UTC)) == 0
    assert reports_missed(station, contact, datetime(2026, 11, 20, 22, 0, tzinfo=UTC)) == 2
    assert reports_missed(station, contact, datetime(2027, 11, 20, 22, 0, tzinfo=UTC)) == 100


def test_many_stations_are_learned_with_as_many_queries_as_one(pipeline, make_station, delivery):
    moment = clock.now()
    asked = []
    for count in (1, 9):
        stations = [make_station() for _ in range(count)]
        pipeline.take([delivery(one.serial, "readings", senml(0), stream="a", seq=1) for one in stations])
        days = [moment.date() - timedelta(days=ago) for ago in range(1, 8)]
        ContactDay.objects.bulk_create(
            ContactDay(station=one, day=day, pauses_s=[3_000.0] * 24) for one in stations for day in days
        )
        with CaptureQueriesContext(connection) as captured:
            assert rhythms_learn(moment=moment + timedelta(minutes=1)) == count
        asked.append(len(captured))
        assert StationContact.objects.filter(learned_interval_s=3_000).count() >= count
    assert asked[0] == asked[1]


def test_old_pauses_are_forgotten(send, station):
    send("readings", senml(0))
    today = clock.now().date()
    for ago in (41, 44):
        ContactDay.objects.create(station=station, day=today - timedelta(days=ago), pauses_s=[None] * 24)
    rhythms_learn(moment=clock.now())
    assert [row.day for row in ContactDay.objects.all()] == [today - timedelta(days=41)]
