"""The broker's alarms are reported to the administrators once when they begin and once when they end."""

import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from waiting import until

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.troubles import ALARM, broker_watch, trouble_judge
from fleet.core import clock
from fleet.stations.logins.broker import BrokerAccess

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _administrator(db):
    User.objects.create_superuser("root", email="root@example.org")


def judge(sentence=""):
    trouble_judge(about="the broker", sentence=sentence, end="It is over.", moment=clock.now())


def test_one_mail_for_a_trouble_and_one_for_its_end(smtp):
    judge()
    assert smtp.taken == []
    for sentence in ("The disk is full.", "The disk is fuller.", "The disk is full."):
        judge(sentence)
    assert smtp.subjects == ["Roost: trouble with the broker"]
    assert "The disk is full." in smtp.taken[0].get_content()
    for _ in range(3):
        judge()
    assert smtp.subjects[1:] == ["Roost: over: trouble with the broker"]
    judge("Again.")
    assert smtp.subjects[2:] == ["Roost: trouble with the broker"]
    assert Trouble.objects.count() == 2


def test_a_mail_server_that_is_away_is_tried_again(smtp, smtp_down):
    judge("The disk is full.")
    assert Trouble.objects.get().told_at is None
    smtp_down()
    judge("The disk is full.")
    assert len(smtp.taken) == 1


def test_what_nobody_was_told_of_ends_quietly(smtp, smtp_down):
    judge("The disk is full.")
    smtp_down()
    judge()
    assert smtp.taken == []
    assert Trouble.objects.get().ended_at is not None


def test_an_alarm_of_the_real_broker_is_told(smtp, stack):
    broker_watch()
    assert smtp.taken == []
    with BrokerAccess.open() as broker:
        assert all(not node.alarms and not node.partitions for node in broker.nodes())
    control(stack, "set_vm_memory_high_watermark", "absolute", "20MB")
    try:
        until(lambda: broker_watch() or Trouble.objects.filter(about=ALARM).exists(), "the broker's alarm", every=0.5)
        broker_watch()
    finally:
        control(stack, "set_vm_memory_high_watermark", "0.4")
    over = Trouble.objects.filter(about=ALARM).exclude(ended_at=None)
    until(lambda: broker_watch() or over.all(), "the end of the alarm", every=0.5)
    told, over = smtp.taken
    assert "memory on " in told.get_content()
    assert "accepts messages again" in over.get_content()


def control(stack, *words):
    program = stack.rabbitmq.programs()[-1]
    tool = Path(program.command[0]).with_name("rabbitmqctl")
    subprocess.run(
        [str(tool), "-n", program.environment["RABBITMQ_NODENAME"], *words],
        env=dict(program.environment),
        check=True,
        capture_output=True,
    )
