"""Many stations that fall silent together are one incident of what they share: told once, and its end told once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from alerts.grouped import (
    MINUTE,
    SECOND,
    fall_silent,
    held,
    look,
    look_and_die,
    now,
    opened,
    place,
    queries_of,
    site_make,
    text_of,
)
from django.db import connections

from fleet.alerts.grouping.choosing import Silent, failures_of
from fleet.alerts.grouping.counting import Cause, Shared, SharedByStation
from fleet.alerts.models import Incident, Notification
from fleet.alerts.models.shared import SharedFailure
from fleet.alerts.services import silence_sweep
from fleet.core.models import Outage, OutboxMessage, Pulse
from fleet.stations.models import Station, StationContact

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def site(organization):
    """The site Old Cut."""
    return site_make(organization)


@pytest.fixture
def twenty(site, member, make_member, make_station):
    """Twenty stations at Old Cut and 25 elsewhere, all in contact; two people get alerts."""
    make_member("bo@example.org")
    stations = [make_station() for _ in range(20)]
    place(site, *stations)
    for _ in range(25):
        make_station()
    return stations


@pytest.fixture
def failure(twenty, smtp):
    """Seventeen of the twenty fell silent within six minutes, and both people have been told."""
    fall_silent(*twenty[:1], ago=7 * MINUTE)
    fall_silent(*twenty[1:17], ago=MINUTE)
    look()
    assert len(smtp.taken) == 2
    smtp.taken.clear()
    return SharedFailure.objects.get()


def test_seventeen_of_twenty_are_one_message_to_each(smtp, twenty):
    fall_silent(*twenty[:1], ago=7 * MINUTE)
    fall_silent(*twenty[1:17], ago=MINUTE)
    for _ in range(3):
        look()
    assert sorted(mail["To"] for mail in smtp.taken) == ["ana@example.org", "bo@example.org"]
    assert set(smtp.subjects) == {"Silent: 17 of 20 stations at Old Cut"}
    text = text_of(smtp.taken[0])
    assert text.startswith("17 of 20 stations at Old Cut fell silent within 6 min, the last of them at ")
    assert all(station.serial in text for station in twenty[:17])
    failure = SharedFailure.objects.get()
    assert (failure.cause, failure.total, failure.fallen, failure.closed_at) == ("site", 20, 17, None)
    assert Incident.objects.filter(shared=failure, closed_at=None).count() == 17


def test_more_that_fall_silent_join_without_a_message(smtp, twenty, failure):
    fall_silent(twenty[17], ago=SECOND)
    look()
    assert smtp.taken == []
    assert opened(twenty[17]).shared == failure
    rows = held("shared")
    assert sorted((one.recipient, one.shared) for one in rows) == [
        ("ana@example.org", failure),
        ("bo@example.org", failure),
    ]
    assert [set(one.incidents.all()) for one in rows] == [{opened(twenty[17])}] * 2
    failure.refresh_from_db()
    assert failure.fallen == 18


def test_what_falls_silent_long_after_is_told_on_its_own(smtp, twenty, failure):
    SharedFailure.objects.update(first_at=failure.first_at - timedelta(hours=2), last_at=now() - 11 * MINUTE)
    fall_silent(twenty[17], ago=SECOND)
    look()
    assert set(smtp.subjects) == {f"Silent: {twenty[17].serial}"}
    assert opened(twenty[17]).shared is None


def test_another_wave_at_the_same_site_is_told_once_more_and_its_end_once(smtp, twenty, hear):
    fall_silent(*twenty[:12])
    look()
    long_ago = now() - timedelta(hours=2)
    SharedFailure.objects.update(first_at=long_ago, last_at=long_ago)
    fall_silent(*twenty[12:])
    look()
    assert smtp.subjects == ["Silent: 12 of 20 stations at Old Cut"] * 2 + ["Silent: 20 of 20 stations at Old Cut"] * 2
    hear(*twenty)
    look()
    assert smtp.subjects[4:] == ["Back: 20 of 20 stations at Old Cut"] * 2


def test_one_after_another_within_the_window_each_joins(smtp, twenty, failure):
    SharedFailure.objects.update(last_at=now() - 12 * MINUTE)
    fall_silent(twenty[17], ago=4 * MINUTE)
    fall_silent(twenty[18], ago=SECOND)
    look()
    assert smtp.taken == []
    failure.refresh_from_db()
    assert failure.fallen == 19


def test_returns_are_not_told_one_by_one_and_the_end_names_who_is_still_silent(smtp, twenty, failure, hear):
    hear(*twenty[:11])
    look()
    assert smtp.taken == []
    hear(twenty[11])
    for _ in range(3):
        look()
    assert set(smtp.subjects) == {"Back: 12 of 17 stations at Old Cut"}
    assert len(smtp.taken) == 2
    text = text_of(smtp.taken[0])
    assert "5 are still silent." in text
    rest = text[text.index("Still silent:") :]
    assert [station.serial in rest for station in twenty] == [12 <= n < 17 for n in range(20)]
    failure.refresh_from_db()
    assert failure.left_silent == 5
    smtp.taken.clear()
    hear(twenty[12])
    look()
    assert set(smtp.subjects) == {f"Back: {twenty[12].serial}"}
    assert len(smtp.taken) == 2


def test_one_that_comes_back_and_falls_silent_again_is_counted_once(smtp, twenty, failure, hear):
    hear(twenty[0])
    look()
    fall_silent(twenty[0], ago=SECOND)
    look()
    failure.refresh_from_db()
    assert (failure.fallen, failure.total) == (17, 20)
    assert smtp.taken == []
    hear(*twenty)
    look()
    assert set(smtp.subjects) == {"Back: 17 of 17 stations at Old Cut"}
    assert "All are back." in text_of(smtp.taken[0])


def test_one_that_falls_silent_again_long_after_its_return_is_told_although_the_failure_goes_on(
    smtp, twenty, failure, hear
):
    hear(*twenty[:3])
    look()
    SharedFailure.objects.update(first_at=now() - timedelta(days=9), last_at=now() - timedelta(days=9))
    Incident.objects.filter(closed_at__isnull=False).update(closed_at=now() - timedelta(days=8))
    fall_silent(twenty[0], ago=SECOND)
    look()
    assert set(smtp.subjects) == {f"Silent: {twenty[0].serial}"}
    assert opened(twenty[0]).shared is None
    smtp.taken.clear()
    hear(twenty[0])
    look()
    assert set(smtp.subjects) == {f"Back: {twenty[0].serial}"}


def test_a_worker_that_dies_tells_nothing_twice(smtp, twenty, hear):
    fall_silent(*twenty[:17])
    look_and_die()
    assert not SharedFailure.objects.exists()
    assert not Incident.objects.exists()
    look()
    hear(*twenty[:17])
    look_and_die()
    assert SharedFailure.objects.get().closed_at is None
    look()
    look()
    assert smtp.subjects == ["Silent: 17 of 20 stations at Old Cut"] * 2 + ["Back: 17 of 17 stations at Old Cut"] * 2


def test_what_waited_to_be_told_goes_into_the_one_message(smtp, twenty, settings):
    settings.ROOST_ALERT_GROUP_WAIT_S = 30.0
    fall_silent(*twenty[:10])
    silence_sweep()
    assert not SharedFailure.objects.exists()
    fall_silent(*twenty[10:17])
    silence_sweep()
    Notification.objects.filter(state="pending").update(due_at=now())
    look()
    assert smtp.subjects == ["Silent: 17 of 20 stations at Old Cut"] * 2
    assert Notification.objects.filter(state="merged").count() == 2


def test_while_stations_fall_silent_messages_wait_for_more_but_not_longer_than_the_window(twenty, settings):
    settings.ROOST_ALERT_GROUP_WAIT_S = 30.0
    fall_silent(*twenty[:4])
    silence_sweep()
    Notification.objects.update(due_at=now() + timedelta(seconds=5))
    fall_silent(twenty[4])
    silence_sweep()
    assert {one.due_at > now() + timedelta(seconds=20) for one in Notification.objects.all()} == {True}
    Notification.objects.update(due_at=now(), created_at=now() - timedelta(seconds=590))
    fall_silent(twenty[5])
    silence_sweep()
    first = Notification.objects.earliest("pk")
    assert first.due_at - first.created_at == timedelta(seconds=600)


def test_people_told_of_some_stations_are_then_told_of_the_failure_and_its_end_only(smtp, twenty, hear):
    fall_silent(*twenty[:8])
    look()
    assert smtp.subjects == ["Silent: 8 stations of Old Cut Observatory"] * 2
    fall_silent(*twenty[8:14])
    look()
    assert smtp.subjects[2:] == ["Silent: 14 of 20 stations at Old Cut"] * 2
    hear(*twenty)
    look()
    assert smtp.subjects[4:] == ["Back: 14 of 14 stations at Old Cut"] * 2


def test_a_failure_that_ends_before_it_was_told_is_one_message_with_both(smtp, twenty, settings, hear):
    settings.ROOST_ALERT_GROUP_WAIT_S = 30.0
    fall_silent(*twenty[:17])
    silence_sweep()
    hear(*twenty)
    silence_sweep()
    Notification.objects.filter(state="pending").update(due_at=now())
    look()
    assert smtp.subjects == ["Back: 17 of 17 stations at Old Cut"] * 2


@pytest.mark.parametrize("number", [2, 10])
def test_half_is_not_most_and_two_are_a_coincidence(smtp, twenty, number):
    fall_silent(*twenty[:number])
    look()
    assert not SharedFailure.objects.exists()
    assert set(smtp.subjects) == {f"Silent: {number} stations of Old Cut Observatory"}


def test_two_of_two_at_a_site_are_a_coincidence(smtp, member, organization, make_station):
    pair = [make_station() for _ in range(2)]
    place(site_make(organization), *pair)
    for _ in range(9):
        make_station()
    fall_silent(*pair)
    look()
    assert not SharedFailure.objects.exists()


def test_what_falls_silent_over_hours_shares_nothing_even_if_we_look_late(twenty):
    for n, station in enumerate(twenty):
        fall_silent(station, ago=n * 11 * MINUTE)
    look()
    assert Incident.objects.count() == 20
    assert not SharedFailure.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"is_in_maintenance": True},
        {"retired_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"asleep_until": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
)
def test_stations_whose_silence_is_planned_count_neither_way(smtp, twenty, fields):
    Station.objects.filter(pk__in=[one.pk for one in twenty[:12]]).update(**fields)
    fall_silent(*twenty[:15])
    look()
    # Three of the eight stations that count.
    assert not SharedFailure.objects.exists()
    fall_silent(*twenty[15:17])
    look()
    assert SharedFailure.objects.get().total == 8


def test_stations_that_have_long_been_silent_or_were_never_seen_count_neither_way(smtp, twenty, make_station, site):
    for n, station in enumerate(twenty[:10]):
        fall_silent(station, ago=timedelta(days=3, hours=n))
    StationContact.objects.filter(station__in=twenty[10:14]).update(state="never_seen", silent_after=None)
    look()
    smtp.taken.clear()
    fall_silent(*twenty[14:18])
    look()
    assert set(smtp.subjects) == {"Silent: 4 of 6 stations at Old Cut"}


def test_stations_behind_a_silent_gateway_count_as_the_gateway(smtp, twenty):
    gate, *behind = twenty[:15]
    Station.objects.filter(pk__in=[one.pk for one in behind]).update(parent=gate)
    fall_silent(gate, *behind)
    look()
    assert not SharedFailure.objects.exists()
    assert set(smtp.subjects) == {f"Silent: {gate.serial}"}


def test_our_own_downtime_opens_and_ends_nothing(twenty, failure, hear):
    hear(*twenty)
    fall_silent(*Station.objects.exclude(pk__in=[one.pk for one in twenty]))
    Pulse.objects.update(beat_at=now() - timedelta(minutes=5))
    assert silence_sweep() == (0, 0)
    Pulse.objects.update(beat_at=now())
    Outage.objects.create(name="ingest", started_at=now() - timedelta(hours=5), ended_at=now())
    assert silence_sweep() == (0, 0)
    failure.refresh_from_db()
    assert failure.closed_at is None
    assert SharedFailure.objects.count() == 1


def test_late_data_that_arrives_rings_nothing(smtp, twenty, failure, hear):
    """A backlog is contact: its station is back when it arrives, however old the readings are."""
    hear(*twenty[:12])
    look()
    assert set(smtp.subjects) == {"Back: 12 of 17 stations at Old Cut"}
    smtp.taken.clear()
    hear(*twenty[:12])
    look()
    assert smtp.taken == []


def test_a_site_put_into_maintenance_ends_the_failure_without_a_message(smtp, twenty, failure):
    Station.objects.filter(pk__in=[one.pk for one in twenty]).update(is_in_maintenance=True)
    look()
    failure.refresh_from_db()
    assert (failure.closed_at is None, failure.left_silent) == (False, 0)
    assert smtp.taken == []


def test_a_network_named_by_the_stations_is_a_cause(smtp, member, organization, make_station):
    stations = [make_station() for _ in range(12)]
    place(site_make(organization), *stations[:6])
    StationContact.objects.filter(station__in=stations[3:9]).update(hello={"hardware": {"provider": "Nordmobil"}})
    fall_silent(*stations[3:9])
    look()
    assert smtp.subjects == ["Silent: 6 of 6 stations in the network Nordmobil"]


def test_a_whole_organization_is_one_failure_and_not_one_of_each_site(smtp, twenty, organization):
    fall_silent(*Station.objects.all())
    look()
    assert smtp.subjects == ["Silent: 45 of 45 stations of Old Cut Observatory"] * 2


def test_nobody_learns_of_another_organization(smtp, twenty, make_organization, make_member, make_station):
    other = make_organization("Long Point")
    make_member("cy@example.org", of=other)
    theirs = [make_station(of=other) for _ in range(2)]
    place(site_make(other), *theirs)
    fall_silent(*twenty[:17], *theirs)
    look()
    assert [mail["Subject"] for mail in smtp.to("cy@example.org")] == ["Silent: 2 stations of Long Point"]
    assert not any(one.serial in mail.get_content() for one in theirs for mail in smtp.to("ana@example.org"))


def test_zero_switches_it_off(smtp, twenty, settings):
    settings.ROOST_SHARED_WINDOW_S = 0.0
    fall_silent(*twenty)
    look()
    assert not SharedFailure.objects.exists()
    assert smtp.subjects == ["Silent: 20 stations of Old Cut Observatory"] * 2


def test_the_number_of_queries_does_not_grow_with_the_stations(member, organization, make_station, hear):
    counted = []
    for number in (50, 500):
        site = site_make(organization, f"Site {number}")
        stations = [make_station() for _ in range(number)]
        place(site, *stations)
        fall_silent(*stations)
        OutboxMessage.objects.all().delete()
        beginning = queries_of(silence_sweep)
        assert SharedFailure.objects.get(closed_at=None).fallen == number
        going_on = queries_of(silence_sweep)
        hear(*stations)
        end = queries_of(silence_sweep)
        assert not SharedFailure.objects.filter(closed_at=None).exists()
        counted.append((beginning, going_on, end))
        Station.objects.update(retired_at=now())
    assert counted[0] == counted[1]


def test_two_sweeps_at_once_open_one_failure(
    transactional_db, smtp, listening, organization, make_member, make_station
):
    make_member("di@example.org")
    fall_silent(*[make_station() for _ in range(6)])
    barrier = threading.Barrier(3)

    def sweep():
        barrier.wait()
        silence_sweep()
        connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SharedFailure.objects.count() == 1
    assert Notification.objects.count() == 1


class TestChoosing:
    """Choosing the cause of a failure among sites A and B, a network, and the whole organization."""

    WHOLE = Shared(1, Cause.ORGANIZATION, "")
    A, B, NET = Shared(1, Cause.SITE, "1"), Shared(1, Cause.SITE, "2"), Shared(1, Cause.NETWORK, "Net")

    def chosen(self, totals, *groups):
        """Failures as (cause, silent, total); each group is a number of silent stations and the places they share."""
        shared = {}
        for number, what in groups:
            for _ in range(number):
                shared[len(shared)] = (*what, self.WHOLE)
        silent = [Silent(station, datetime(2026, 12, 1, tzinfo=UTC)) for station in shared]
        found = failures_of(silent=silent, places=SharedByStation(shared, {}), totals=totals)
        return [(one.shared, len(one.silent), one.total) for one in found]

    def test_the_narrower_of_two_that_explain_the_same(self):
        assert self.chosen({self.WHOLE: 20, self.A: 20}, (20, [self.A])) == [(self.A, 20, 20)]

    def test_the_one_that_all_have_in_common_of_two_that_explain_nearly_the_same(self):
        assert self.chosen({self.WHOLE: 100, self.NET: 58}, (57, [self.NET]), (2, [])) == [(self.NET, 57, 58)]

    def test_the_wider_one_where_it_explains_more(self):
        totals = {self.WHOLE: 40, self.A: 20, self.B: 20}
        assert self.chosen(totals, (18, [self.A]), (19, [self.B])) == [(self.WHOLE, 37, 40)]

    def test_two_sites_where_the_rest_goes_on(self):
        totals = {self.WHOLE: 100, self.A: 20, self.B: 10}
        found = self.chosen(totals, (18, [self.A]), (9, [self.B]), (2, []))
        assert found == [(self.A, 18, 20), (self.B, 9, 10)]

    def test_no_cause_explains_the_silence_of_a_few(self):
        assert self.chosen({self.WHOLE: 100, self.A: 20}, (10, [self.A]), (2, [])) == []
