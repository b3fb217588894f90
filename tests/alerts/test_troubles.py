"""The broker's alarms are reported to the administrators once when they begin and once when they end."""

import subprocess
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth.models import User
from waiting import until

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.failing_jobs import job_failed, job_worked
from fleet.alerts.server_problems.troubles import ALARM, broker_watch, trouble_judge
from fleet.alerts.services import rules_sweep
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


def test_more_of_the_same_is_told_a_day_later_where_that_is_news(smtp):
    began = clock.now()

    def lost(number, days):
        sentence, moment = f"{number} files are lost.", began + timedelta(days=days)
        trouble_judge(about="files", sentence=sentence, end="Over.", moment=moment, has_news=True)

    for number, days in ((1, 0.0), (2, 0.5), (2, 1.5), (300, 1.6), (300, 1.9), (300, 2.6), (300, 9.0)):
        lost(number, days)
    assert [mail.get_content().partition(" files")[0] for mail in smtp.taken] == ["1", "2", "300"]
    assert Trouble.objects.get().sentence == "300 files are lost."


def test_a_rule_of_the_site_that_cannot_be_judged_stops_no_other_and_is_told(smtp, monkeypatch):
    judged = []

    def rule(name, *, breaks):
        def find(_moment):
            judged.append(name)
            if breaks:
                raise ValueError(name)
            return []

        return SimpleNamespace(name=name, has_own_sweep=False, find=find, over=lambda _moment: [])

    broken, sound = rule("radio", breaks=True), rule("disk", breaks=False)
    monkeypatch.setattr("fleet.alerts.services.rules", lambda: {"radio": broken, "disk": sound})
    for _ in range(2):
        rules_sweep()
    assert judged == ["radio", "disk"] * 2
    assert smtp.subjects == ["Roost: trouble with alert rules of the site"]
    assert "cannot be checked: radio." in smtp.taken[0].get_content()
    monkeypatch.setattr("fleet.alerts.services.rules", lambda: {"disk": sound})
    rules_sweep()
    assert smtp.subjects[1:] == ["Roost: over: trouble with alert rules of the site"]


def test_a_periodic_job_that_keeps_failing_is_told_once_and_its_end_once(smtp):
    often = {"name": "alerts.sweep_rules", "interval": timedelta(seconds=15), "error": ValueError("x")}
    with time_machine.travel(clock.now(), tick=False) as travel:
        job_failed(**often)
        travel.shift(timedelta(minutes=1))
        job_worked(name="alerts.sweep_rules")
        assert not Trouble.objects.exists(), "a restart of the database is no trouble"
        job_failed(**often)
        for _ in range(3):
            travel.shift(timedelta(minutes=4))
            job_failed(**often)
        assert smtp.subjects == ["Roost: trouble with the job alerts.sweep_rules"]
        assert "ValueError" in smtp.taken[0].get_content()
        job_failed(name="telemetry.run_retention", interval=timedelta(hours=6), error=KeyError())
        assert smtp.subjects[1:] == ["Roost: trouble with the job telemetry.run_retention"]
        for _ in range(2):
            job_worked(name="alerts.sweep_rules")
        assert smtp.subjects[2:] == ["Roost: over: trouble with the job alerts.sweep_rules"]


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
