"""Sending to a mail server that is down, refuses, is slow, or disconnects: nothing is lost and nothing is sent too
often.
"""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from fleet.alerts.models import Notification
from fleet.alerts.sending import sending
from fleet.alerts.sending.sending import notifications_send
from fleet.alerts.services import silence_sweep
from fleet.core.sending import smtp as smtp_driver

pytestmark = pytest.mark.django_db

LONG = timedelta(hours=4)


@pytest.fixture(autouse=True)
def _ready(smtp, listening):
    """Set up a mail server, and a pulse of ingest."""


@pytest.fixture
def silent(member, make_station):
    station = make_station("SG-1", heard_ago=LONG)
    silence_sweep()
    return station


def make_due():
    Notification.objects.filter(state__in=["pending", "sending"]).update(due_at=datetime.now(tz=UTC))


def state():
    return Notification.objects.get(phase="opened").state


def test_a_server_that_is_down_delays_and_loses_nothing(smtp, smtp_down, silent):
    for _ in range(5):
        make_due()
        assert notifications_send(channel="mail") == 0
    waiting = Notification.objects.get()
    assert (waiting.state, waiting.attempts) == ("pending", 5)
    assert "cannot be used" in waiting.last_error
    smtp_down()
    make_due()
    assert notifications_send(channel="mail") == 1
    assert len(smtp.taken) == 1
    assert state() == "sent"


def test_an_episode_that_ended_while_the_server_was_down_is_one_mail(smtp, smtp_down, silent, hear):
    make_due()
    notifications_send(channel="mail")
    hear(silent)
    smtp_down()
    make_due()
    notifications_send(channel="mail")
    make_due()
    notifications_send(channel="mail")
    assert smtp.subjects == ["Back: SG-1"]
    assert "of silence" in smtp.taken[0].get_content()


def test_what_gathers_while_the_server_is_down_is_one_mail(smtp, smtp_down, silent, make_station):
    make_due()
    notifications_send(channel="mail")
    for _ in range(3):
        make_station(heard_ago=LONG)
        silence_sweep()
    smtp_down()
    make_due()
    notifications_send(channel="mail")
    assert smtp.subjects == ["Silent: 4 of 4 stations of Old Cut Observatory"]


@pytest.mark.parametrize("answer", ["451 try later", "421 too busy"])
def test_a_passing_refusal_is_tried_again_later(smtp, silent, answer):
    smtp.answers = [answer, answer]
    for _ in range(3):
        make_due()
        notifications_send(channel="mail")
    assert (state(), len(smtp.seen), len(smtp.taken)) == ("sent", 3, 1)


def test_tries_are_spaced_ever_wider_and_end_in_a_reason(smtp, silent, monkeypatch):
    monkeypatch.setattr(sending, "GIVE_UP_AFTER", timedelta(hours=4))
    smtp.answers = ["451 try later"] * 1000
    now = datetime.now(tz=UTC)
    pauses = []
    with time_machine.travel(now, tick=False) as traveller:
        while state() == "pending":
            waiting = Notification.objects.get()
            traveller.move_to(max(waiting.due_at, datetime.now(tz=UTC)))
            notifications_send(channel="mail")
            pauses.append((Notification.objects.get().due_at - datetime.now(tz=UTC)).total_seconds())
    assert 22 <= pauses[0] <= 30
    assert all(600 <= pause <= 900 for pause in pauses[6:-1])
    assert 20 < len(pauses) < 35
    assert (state(), Notification.objects.get().last_error) == ("failed", "The mail server said 451 try later")


@pytest.mark.parametrize("answer", ["550 no", "552 too big", "554 spam"])
def test_a_final_refusal_is_not_tried_again(smtp, silent, answer):
    smtp.answers = [answer]
    for _ in range(3):
        make_due()
        notifications_send(channel="mail")
    assert (state(), len(smtp.seen)) == ("failed", 1)
    assert answer in Notification.objects.get().last_error


def test_one_bad_address_does_not_hold_up_the_others(smtp, make_member, make_station):
    for address in ("gone@example.org", "full@example.org", "ana@example.org"):
        make_member(address)
    make_station(heard_ago=LONG)
    silence_sweep()
    notifications_send(channel="mail")
    states = dict(Notification.objects.values_list("recipient", "state"))
    assert states == {"gone@example.org": "failed", "full@example.org": "pending", "ana@example.org": "sent"}


@pytest.mark.parametrize("drop", ["drop", "drop-untaken"])
def test_a_connection_that_breaks_before_the_answer_sends_the_same_mail_again(smtp, silent, drop):
    smtp.answers = [drop]
    for _ in range(4):
        make_due()
        notifications_send(channel="mail")
    assert len(smtp.seen) == 2
    assert len({mail["Message-ID"] for mail in smtp.seen}) == 1
    assert smtp.seen[0].get_content() == smtp.seen[1].get_content()
    assert state() == "sent"


def test_what_may_have_arrived_is_not_rewritten_and_gets_its_own_end(smtp, silent, make_station, hear):
    smtp.answers = ["drop"]
    notifications_send(channel="mail")
    hear(silent)
    make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    for _ in range(4):
        make_due()
        notifications_send(channel="mail")
    assert sorted(smtp.subjects) == ["Back: SG-1", "Silent: SG-1", "Silent: SG-1", "Silent: SG-2"]
    assert smtp.subjects.index("Back: SG-1") > max(n for n, s in enumerate(smtp.subjects) if s == "Silent: SG-1")


def test_a_slow_server_gets_its_time(smtp, silent, settings):
    settings.EMAIL_TIMEOUT = 1
    smtp.answers = [2.5]
    notifications_send(channel="mail")
    assert (state(), len(smtp.seen)) == ("sent", 1)


def test_a_server_that_never_answers_is_given_up_for_now(smtp, silent, monkeypatch):
    monkeypatch.setattr(smtp_driver, "_ANSWER_S", 0.3)
    smtp.answers = [1.0]
    notifications_send(channel="mail")
    waiting = Notification.objects.get()
    assert (waiting.state, waiting.is_maybe_delivered) == ("pending", True)


def test_a_sender_that_died_is_replaced_after_its_lease(smtp, silent):
    now = datetime.now(tz=UTC)
    leased = sending._lease_next(now, "mail")
    assert leased is not None
    assert notifications_send(channel="mail") == 0
    with time_machine.travel(now + sending.LEASE + timedelta(seconds=1)):
        assert notifications_send(channel="mail") == 1
    assert state() == "sent"


def test_a_sender_whose_lease_ran_out_no_longer_decides(smtp, silent):
    now = datetime.now(tz=UTC)
    leased = sending._lease_next(now, "mail")
    with time_machine.travel(now + sending.LEASE + timedelta(seconds=1)):
        notifications_send(channel="mail")
        sending._record_outcome(leased, sending.ChannelError("late word", is_permanent=True), datetime.now(tz=UTC))
    assert state() == "sent"


def test_several_senders_at_once_send_each_mail_once(transactional_db, smtp, listening, make_member, make_station):
    for n in range(8):
        make_member(f"person{n}@example.org")
    make_station(heard_ago=LONG)
    silence_sweep()

    def one():
        try:
            notifications_send(channel="mail")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(mail["To"] for mail in smtp.taken) == [f"person{n}@example.org" for n in range(8)]


def test_a_channel_that_breaks_does_not_hold_up_the_others(smtp, silent, make_member, make_station, monkeypatch):
    real = sending.message_of

    def broken(*, notification, moment, secret):
        if notification.recipient == "ana@example.org":
            raise ZeroDivisionError
        return real(notification=notification, moment=moment, secret=secret)

    monkeypatch.setattr(sending, "message_of", broken)
    make_member("bo@example.org")
    make_station("SG-2", heard_ago=LONG)
    silence_sweep()
    make_due()
    notifications_send(channel="mail")
    assert len(smtp.to("bo@example.org")) == 1
    assert set(Notification.objects.filter(recipient="ana@example.org").values_list("state", flat=True)) <= {
        "pending",
        "merged",
    }
