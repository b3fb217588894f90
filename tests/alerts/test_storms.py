"""Beyond a number of messages an hour, one more says how many are held back; none disappears silently."""

from datetime import timedelta

import pytest
from alerts.grouped import held, now
from one_each import incident_open

from fleet.alerts.models import Destination, Incident, Notification
from fleet.alerts.notifications.planning import notification_plan_test
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import Opening, incident_close, incidents_open

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(smtp, listening, settings):
    """Set up a mail server, and a small cap."""
    settings.ROOST_STORM_CAP = 3


@pytest.fixture
def ring(make_station):
    """Open incidents, each of its own rule and so with its own message, and send."""
    stations = []

    def act(number, **fields):
        for _ in range(number):
            station = make_station()
            stations.append(station)
            opening = Opening(station, now(), "Odd.", title=f"Rule {len(stations)}", **fields)
            incidents_open(openings=[opening], rule=f"made.{len(stations)}", moment=now())
        send()
        return stations[-number:]

    return act


def send():
    while notifications_send(channel="mail"):
        pass


def storm_due():
    """Make the message about held-back alerts due."""
    Notification.objects.filter(phase="storm", state="pending").update(due_at=now())
    send()


def test_the_first_are_sent_and_one_says_how_many_more_there_are(smtp, member, ring):
    ring(5)
    ring(3)
    assert len(smtp.taken) == 3
    storm_due()
    assert smtp.subjects[3:] == ["5 more alerts"]
    text = smtp.taken[3].get_content()
    assert "Roost held 5 more alerts back, because you got 3 within an hour." in text
    assert "https://roost.example/incidents/" in text
    assert [one.recipient for one in held("storm")] == ["ana@example.org"] * 5


def test_one_such_message_an_hour(smtp, member, ring):
    ring(4)
    storm_due()
    ring(2)
    storm_due()
    assert smtp.subjects[3:] == ["1 more alert"]
    assert len(held("storm")) == 3


def test_after_an_hour_messages_go_out_again_and_those_held_do_not(smtp, member, ring):
    ring(5)
    storm_due()
    hour = timedelta(hours=1)
    for one in Notification.objects.all():
        Notification.objects.filter(pk=one.pk).update(
            created_at=one.created_at - hour, due_at=one.due_at - hour, sent_at=one.sent_at and one.sent_at - hour
        )
    smtp.taken.clear()
    ring(2)
    assert len(smtp.taken) == 2
    assert len(held("storm")) == 2
    assert Incident.objects.filter(closed_at=None).count() == 7


def test_the_end_of_what_was_held_back_is_not_told_and_of_what_was_told_is(smtp, member, ring, settings):
    stations = ring(4)
    settings.ROOST_STORM_CAP = 0
    smtp.taken.clear()
    for n, station in enumerate(stations, start=1):
        incident_close(station_id=station.pk, rule=f"made.{n}", moment=now())
    send()
    assert len(smtp.taken) == 3


def test_severe_rules_are_not_held_back(smtp, member, ring):
    ring(4, severity="warning")
    ring(2, severity="severe")
    assert len(smtp.taken) == 5


def test_each_receiver_has_a_cap_of_its_own(smtp, member, make_member, ring):
    ring(3)
    make_member("bo@example.org")
    ring(2)
    assert len(smtp.to("ana@example.org")) == 3
    assert len(smtp.to("bo@example.org")) == 2


def test_tests_are_sent_and_do_not_count(smtp, member, organization, ring):
    destination = Destination.objects.get(membership__user=member)
    for _ in range(4):
        notification_plan_test(
            destination=destination, address="ana@example.org", organization=organization, moment=now()
        )
        send()
    ring(4)
    assert len(smtp.taken) == 7


def test_a_sender_that_dies_while_it_holds_one_back_leaves_it_to_the_next(smtp, member, ring, make_station):
    ring(3)
    incident_open(station=make_station(), rule="made.999", sentence="Odd.", moment=now())
    # The message is leased and its sender gone. Nobody knows how far that got, so the message is sent.
    Notification.objects.filter(state="pending").update(state="sending", attempts=1, due_at=now())
    send()
    assert len(smtp.taken) == 4


def test_zero_is_no_cap(smtp, member, ring, settings):
    settings.ROOST_STORM_CAP = 0
    ring(6)
    assert len(smtp.taken) == 6
