"""Silence opens one incident and sends one mail, its end closes it and sends another; our own downtime sends none."""

import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction
from one_each import incident_open

from fleet.alerts.models import Incident, Notification
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep, station_heard_again
from fleet.core.models import Outage, OutboxMessage, Pulse
from fleet.stations.models import StationContact
from message_queue.events.kinds import EVENTS

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


def sweep_and_send():
    moved = silence_sweep()
    notifications_send(channel="mail")
    return moved


def test_one_incident_and_one_mail_then_one_more_on_recovery(smtp, member, make_station, hear):
    station = make_station("SG-5113BBBK2972", name="Old Cut", heard_ago=LONG)
    for _ in range(4):
        sweep_and_send()
    assert Incident.objects.get().closed_at is None
    assert smtp.subjects == ["Silent: Old Cut (SG-5113BBBK2972)"]
    hear(station)
    for _ in range(4):
        sweep_and_send()
    assert Incident.objects.get().closed_at is not None
    assert smtp.subjects == ["Silent: Old Cut (SG-5113BBBK2972)", "Back: Old Cut (SG-5113BBBK2972)"]


def test_an_organization_without_people_has_the_administrators_told(smtp, make_station):
    User.objects.create_superuser("root", "root@example.org", "x" * 12)
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert [mail["To"] for mail in smtp.taken] == ["root@example.org"]


def test_people_who_want_no_mail_are_not_replaced_by_the_administrators(smtp, make_member, make_station):
    User.objects.create_superuser("root", "root@example.org", "x" * 12)
    make_member("ana@example.org", is_alerted=False)
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert smtp.taken == []


def test_a_station_within_its_deadline_opens_nothing(smtp, member, make_station):
    make_station(heard_ago=timedelta(hours=2))
    assert sweep_and_send() == (0, 0)
    assert not smtp.taken


def test_late_is_no_alarm(smtp, member, make_station):
    station = make_station(heard_ago=timedelta(hours=2))
    sweep_and_send()
    assert StationContact.objects.get(station=station).state == "late"
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"is_in_maintenance": True},
        {"retired_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"asleep_until": datetime(2999, 1, 1, tzinfo=UTC)},
    ],
)
def test_planned_silence_is_no_alarm(smtp, member, make_station, fields):
    make_station(heard_ago=LONG, **fields)
    assert sweep_and_send() == (0, 0)
    assert not smtp.taken


def test_a_station_put_into_maintenance_closes_its_incident_without_a_mail(smtp, member, make_station):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    station.is_in_maintenance = True
    station.save()
    assert sweep_and_send() == (0, 1)
    assert "maintenance" in Incident.objects.get().closing_sentence
    assert len(smtp.taken) == 1


def test_silence_that_outlasts_the_maintenance_is_told(smtp, member, make_station):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    station.is_in_maintenance = True
    station.save()
    sweep_and_send()
    station.is_in_maintenance = False
    station.save()
    assert sweep_and_send() == (1, 0)
    assert len(smtp.taken) == 2


def test_a_contact_without_a_notice_to_alerts_closes_the_incident_at_the_next_sweep(smtp, member, make_station):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    later = datetime.now(tz=UTC) + timedelta(hours=3)
    StationContact.objects.filter(station=station).update(state="on_time", silent_after=later)
    assert sweep_and_send() == (0, 1)
    assert len(smtp.taken) == 2


@pytest.mark.parametrize("age", [timedelta(seconds=31), timedelta(hours=5)])
def test_nothing_is_said_while_we_do_not_listen(smtp, member, make_station, age):
    make_station(heard_ago=LONG)
    Pulse.objects.update(beat_at=datetime.now(tz=UTC) - age)
    assert sweep_and_send() == (0, 0)
    Pulse.objects.all().delete()
    assert sweep_and_send() == (0, 0)
    assert StationContact.objects.get().state == "on_time"
    assert not smtp.taken


def test_a_deadline_that_passed_after_our_last_sign_of_life_is_not_counted(smtp, member, make_station):
    make_station(heard_ago=timedelta(hours=3, seconds=5))
    Pulse.objects.update(beat_at=datetime.now(tz=UTC) - timedelta(seconds=20))
    assert sweep_and_send() == (0, 0)
    Pulse.objects.update(beat_at=datetime.now(tz=UTC))
    assert sweep_and_send() == (1, 0)


def test_just_after_an_outage_of_ours_the_sweep_waits_for_new_deadlines(smtp, member, make_station):
    make_station(heard_ago=LONG)
    now = datetime.now(tz=UTC)
    outage = Outage.objects.create(name="ingest", started_at=now - LONG, ended_at=now - timedelta(seconds=3))
    assert sweep_and_send() == (0, 0)
    Outage.objects.filter(pk=outage.pk).update(ended_at=now - timedelta(minutes=1))
    assert sweep_and_send() == (1, 0)


def test_twelve_at_once_are_one_mail_and_their_return_is_one_mail(smtp, member, make_station, hear):
    stations = [make_station(heard_ago=LONG) for _ in range(12)]
    sweep_and_send()
    assert smtp.subjects == ["Silent: 12 of 12 stations of Old Cut Observatory"]
    text = smtp.taken[0].get_content()
    assert all(station.serial in text for station in stations)
    hear(*stations)
    sweep_and_send()
    assert smtp.subjects[1:] == ["Back: 12 of 12 stations of Old Cut Observatory"]
    assert Incident.objects.exclude(closed_at=None).count() == 12


def test_those_that_follow_within_the_group_wait_join_the_mail(smtp, member, make_station, settings):
    settings.ROOST_ALERT_GROUP_WAIT_S = 10.0
    make_station(heard_ago=LONG)
    sweep_and_send()
    make_station(heard_ago=LONG)
    sweep_and_send()
    assert not smtp.taken
    Notification.objects.filter(pk=Notification.objects.earliest("id").pk).update(due_at=datetime.now(tz=UTC))
    sweep_and_send()
    assert smtp.subjects == ["Silent: 2 stations of Old Cut Observatory"]
    Notification.objects.update(due_at=datetime.now(tz=UTC))
    sweep_and_send()
    assert len(smtp.taken) == 1


def test_five_hundred_are_one_mail_of_bounded_length(smtp, member, make_station):
    for _ in range(500):
        make_station(heard_ago=LONG)
    assert sweep_and_send() == (500, 0)
    assert smtp.subjects == ["Silent: 500 of 500 stations of Old Cut Observatory"]
    assert "and 460 more: https://roost.example/incidents/" in smtp.taken[0].get_content()
    assert len(smtp.taken[0].get_content()) < 20_000


def test_two_sweeps_at_once_open_one_incident_each(transactional_db, smtp, listening, make_member, make_station):
    make_member("bo@example.org")
    for _ in range(5):
        make_station(heard_ago=LONG)
    _together(silence_sweep, 4)
    assert Incident.objects.count() == 5
    assert Notification.objects.count() == 1


def test_two_that_open_the_same_incident_at_once_open_one(transactional_db, make_member, make_station):
    make_member("cy@example.org")
    station = make_station(heard_ago=LONG)
    moment = datetime.now(tz=UTC)
    found = _together(lambda: incident_open(station=station, rule="silence", sentence="Silent.", moment=moment), 6)
    assert sum(incident is not None for incident in found) == 1
    assert Notification.objects.count() == 1


def test_two_that_close_the_same_incident_at_once_close_it_once(
    transactional_db, smtp, listening, make_member, make_station
):
    make_member("di@example.org")
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    moment = datetime.now(tz=UTC)
    found = _together(lambda: station_heard_again(station_ids=[station.pk], moment=moment), 6)
    assert sum(len(incidents) for incidents in found) == 1
    assert Notification.objects.filter(phase="closed").count() == 1


def test_a_contact_that_is_rolled_back_closes_nothing(smtp, member, make_station):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    with transaction.atomic():
        assert station_heard_again(station_ids=[station.pk], moment=datetime.now(tz=UTC))
        transaction.set_rollback(True)
    assert Incident.objects.get().closed_at is None


def test_a_second_silence_is_a_second_incident_with_its_own_mails(smtp, member, make_station, hear):
    station = make_station(heard_ago=LONG)
    for _ in range(2):
        StationContact.objects.update(silent_after=datetime.now(tz=UTC) - timedelta(minutes=1))
        sweep_and_send()
        hear(station)
        sweep_and_send()
    assert Incident.objects.count() == 2
    assert [subject.split(":")[0] for subject in smtp.subjects] == ["Silent", "Back", "Silent", "Back"]


def test_integrations_hear_of_both_ends(smtp, member, make_station, hear, organization):
    station = make_station(heard_ago=LONG)
    sweep_and_send()
    hear(station)
    events = OutboxMessage.objects.filter(target="event").order_by("id").values_list("routing_key", flat=True)
    address = f"{organization.slug}.{station.serial}"
    heard = [event.removeprefix(f"{address}.") for event in events]
    assert heard == ["contact_late", "contact_silent", "incident_opened", "incident_closed"]
    for body in OutboxMessage.objects.filter(target="event").values_list("body", flat=True):
        assert msgspec.convert(body, EVENTS[body["event"]].body).station == station.serial


def test_the_sweep_wakes_the_sender_once(smtp, member, make_station):
    make_station(heard_ago=LONG)
    for _ in range(3):
        silence_sweep()
    assert OutboxMessage.objects.filter(routing_key="alerts.send_notifications").count() == 1
    notifications_send(channel="mail")
    OutboxMessage.objects.update(published_at=datetime.now(tz=UTC))
    silence_sweep()
    assert OutboxMessage.objects.filter(routing_key="alerts.send_notifications").count() == 1


def _together(action, count):
    """Run the action in `count` threads that start at the same moment; return the results."""
    barrier, found = threading.Barrier(count), []

    def one():
        try:
            barrier.wait()
            found.append(action())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == count
    return found
