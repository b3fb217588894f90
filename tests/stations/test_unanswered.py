"""Devices that nobody answers: their owners get one mail before they leave the queue, and the audit log says who left."""

from datetime import timedelta

import pytest
from django.core import mail
from people import Role, person, serial_new

from fleet.core import clock
from fleet.core.models import AuditEntry
from fleet.stations.joining.claims import claim_open
from fleet.stations.joining.newcomers import newcomers_prune
from fleet.stations.joining.registration_queue import arrival_refuse, arrival_take, registration_turn_on
from fleet.stations.joining.unanswered import unanswered_tell
from fleet.stations.models import Newcomer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


@pytest.fixture
def code(institute, owner):
    return registration_turn_on(organization=institute, actor=owner)


def arrive(code, *, days: float):
    """A device that leaves the queue in so many days."""
    device, _ = arrival_take(code=code, serial=serial_new(), hardware={})
    Newcomer.objects.filter(pk=device.pk).update(expires_at=clock.now() + timedelta(days=days))
    return device


def test_owners_get_one_mail_for_all_of_them_and_operators_none(institute, owner, operator, code):
    person("second", (institute, Role.OWNER))
    late = [arrive(code, days=2), arrive(code, days=2.5)]
    early = arrive(code, days=20)
    assert unanswered_tell(moment=clock.now()) == 2
    mails = mail.outbox
    assert sorted(each.to[0] for each in mails) == sorted([owner.user.email, "second@example.org"])
    assert mails[0].subject == f"2 devices wait to join {institute.name}"
    assert f"{late[0].serial}, {late[1].serial}" in mails[0].body
    assert early.serial not in mails[0].body
    assert unanswered_tell(moment=clock.now()) == 0
    assert len(mail.outbox) == 2


def test_those_of_the_next_hours_wait_for_the_next_day_s_mail(institute, owner, code):
    arrive(code, days=2)
    assert unanswered_tell(moment=clock.now()) == 1
    arrive(code, days=2)
    arrive(code, days=2)
    assert unanswered_tell(moment=clock.now()) == 0
    assert unanswered_tell(moment=clock.now() + timedelta(hours=25)) == 2
    assert [each.subject for each in mail.outbox] == [
        f"A device waits to join {institute.name}", f"2 devices wait to join {institute.name}",
    ]  # fmt: skip


def test_devices_that_were_answered_or_have_no_code_are_not_in_the_mail(owner, operator, code):
    arrival_refuse(arrival=arrive(code, days=1), actor=operator, is_for_good=False)
    claim_open(serial=serial_new(), hardware={})
    assert unanswered_tell(moment=clock.now()) == 0
    assert mail.outbox == []


def test_many_are_counted_and_twenty_are_named(institute, owner, code):
    for _ in range(25):
        arrive(code, days=1)
    assert unanswered_tell(moment=clock.now()) == 25
    (letter,) = mail.outbox
    assert (letter.subject, letter.body.count("SG-")) == (f"25 devices wait to join {institute.name}", 20)


def test_those_who_left_unanswered_are_in_the_audit_log(institute, owner, code):
    gone = [arrive(code, days=-0.1) for _ in range(2)]
    arrive(code, days=1)
    claim_open(serial=serial_new(), hardware={})
    Newcomer.objects.filter(way=Newcomer.Way.CLAIM).update(expires_at=clock.now() - timedelta(minutes=1))
    assert newcomers_prune(moment=clock.now()) == 3
    entry = AuditEntry.objects.get(action="station.arrivals_expired")
    assert (entry.organization_id, entry.subject, entry.detail) == (
        institute.pk, "2", {"serials": [one.serial for one in gone]},
    )  # fmt: skip
