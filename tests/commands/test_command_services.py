"""Commands from issue to end: permissions, state changes, and races in which the loser does nothing."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from one_each import command_report
from people import station_of

from fleet.commands.models import Command
from fleet.commands.reports import STEPS_MOST, Report, commands_report
from fleet.commands.services import (
    command_cancel,
    command_issue,
    command_sent,
    commands_expire,
    commands_resend,
)
from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput, TooMany
from fleet.core.models import AuditEntry, OutboxMessage
from message_queue.contracts.command_status import CommandStatus
from sg_status.command_words import command_shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute)


def issue(viewer, station, name="ping", **more):
    return command_issue(viewer=viewer, station=station, name=name, parameters=more.pop("parameters", {}), **more)


def word(command, state, **more):
    return CommandStatus(command=command.id, state=state, at=clock.now().timestamp(), **more)


def states(command):
    return [(step.state, step.is_applied) for step in command.steps.all()]


def test_issuing_writes_row_step_outbox_and_audit_in_one(operator, station):
    command = issue(operator, station, expires_in=60)
    outbox = OutboxMessage.objects.get(target="command")
    assert (outbox.routing_key, outbox.message_id) == (station.serial, str(command.id))
    assert outbox.body["name"] == "ping"
    assert outbox.expires_at == command.expires_at == command.issued_at + timedelta(seconds=60)
    assert states(command) == [("queued", True)]
    assert AuditEntry.objects.filter(action="command.issue").count() == 1


def test_a_caller_without_permission_leaves_nothing_behind(viewer, stranger, station):
    for person in (viewer, stranger):
        with pytest.raises(Forbidden, match="operator"):
            issue(person, station)
    assert not Command.objects.exists()
    assert not OutboxMessage.objects.filter(target="command").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "refusal"),
    [
        ("teapot", {}, InvalidInput),
        ("ping", {"parameters": {"loud": True}}, InvalidInput),
        ("set_reporting_interval", {"parameters": {"seconds": 1}}, InvalidInput),
        ("ping", {"expires_in": 0}, InvalidInput),
        ("ping", {"expires_in": 10**9}, InvalidInput),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_sentence(operator, station, name, arguments, refusal):
    with pytest.raises(refusal) as caught:
        issue(operator, station, name, **arguments)
    assert str(caught.value).endswith(".")


def test_a_retired_station_and_a_full_queue_take_no_commands(operator, station, institute):
    with pytest.raises(Conflict, match="retired"):
        issue(operator, station_of(institute, retired_at=clock.now()))
    for _ in range(50):
        issue(operator, station)
    with pytest.raises(TooMany, match="50"):
        issue(operator, station)


def test_a_command_goes_through_its_states_and_a_second_end_is_only_a_note(operator, station):
    command = issue(operator, station)
    command_sent(command_id=command.id, moment=clock.now())
    for state in ("received", "running", "succeeded", "failed"):
        assert command_report(station_id=station.id, status=word(command, state), moment=clock.now())
    command.refresh_from_db()
    assert command.state == "succeeded"
    assert states(command)[-2:] == [("succeeded", True), ("failed", False)]


def test_a_repeated_report_is_one_step(operator, station):
    command = issue(operator, station)
    said = word(command, "succeeded")
    for _ in range(3):
        command_report(station_id=station.id, status=said, moment=clock.now())
    assert states(command) == [("queued", True), ("succeeded", True)]


def test_reports_out_of_order_never_move_a_command_back(operator, station):
    command = issue(operator, station)
    for state in ("running", "received"):
        command_report(station_id=station.id, status=word(command, state), moment=clock.now())
    command.refresh_from_db()
    assert command.state == "running"
    assert states(command)[-1] == ("received", False)


def test_the_broker_confirming_late_does_not_move_a_command_back(operator, station):
    command = issue(operator, station)
    command_report(station_id=station.id, status=word(command, "succeeded"), moment=clock.now())
    command_sent(command_id=command.id, moment=clock.now())
    command.refresh_from_db()
    assert command.state == "succeeded"


def test_cancelling_takes_it_from_the_outbox_and_works_once(operator, station):
    command = command_cancel(viewer=operator, command=issue(operator, station))
    assert command.state == "cancelled"
    assert not OutboxMessage.objects.filter(target="command").exists()
    with pytest.raises(Conflict, match="cancelled"):
        command_cancel(viewer=operator, command=command)
    command_report(station_id=station.id, status=word(command, "succeeded"), moment=clock.now())
    command.refresh_from_db()
    assert command.state == "cancelled"


def test_a_command_expires_and_a_late_result_does_not_reopen_it(operator, station):
    command = issue(operator, station, expires_in=10)
    assert commands_expire(moment=clock.now()) == 0
    assert commands_expire(moment=clock.now() + timedelta(seconds=11)) == 1
    command_report(station_id=station.id, status=word(command, "succeeded"), moment=clock.now())
    command.refresh_from_db()
    assert command.state == "expired"
    assert states(command)[-1] == ("succeeded", False)


def test_what_an_expired_command_found_is_kept_all_the_same(operator, station):
    command = issue(operator, station, expires_in=10)
    commands_expire(moment=clock.now() + timedelta(seconds=11))
    for figure in (3, 4):
        late = word(command, "succeeded", result={"files": figure}, output="all of it")
        command_report(station_id=station.id, status=late, moment=clock.now())
    command.refresh_from_db()
    assert (command.state, command.result, command.output) == ("expired", {"files": 3}, "all of it")


def test_a_second_end_with_another_result_is_kept_as_a_step(operator, station):
    command = issue(operator, station)
    first = word(command, "succeeded", result={"files": 3}, output="all of it")
    second = word(command, "failed", result={"files": 4}, output="half of it")
    for status in (first, second):
        command_report(station_id=station.id, status=status, moment=clock.now())
    command.refresh_from_db()
    assert (command.state, command.result, command.output) == ("succeeded", {"files": 3}, "all of it")
    kept = [(step.state, step.is_applied, step.result, step.output) for step in command.steps.all()]
    assert kept[-2:] == [("succeeded", True, {}, ""), ("failed", False, {"files": 4}, "half of it")]
    shown = command_shown(command, clock.now()).steps[-1]
    assert ([figure.value for figure in shown.figures], shown.output) == (["4"], "half of it")


def test_a_command_that_has_begun_is_not_expired_at_once(operator, station):
    command = issue(operator, station, expires_in=10)
    command_report(station_id=station.id, status=word(command, "running"), moment=clock.now())
    assert commands_expire(moment=clock.now() + timedelta(hours=1)) == 0
    assert commands_expire(moment=clock.now() + timedelta(days=2)) == 1


def test_what_a_broker_forgot_is_published_again_once_per_interval(operator, station):
    command = issue(operator, station)
    command_sent(command_id=command.id, moment=clock.now())
    later = clock.now() + timedelta(minutes=16)
    assert (commands_resend(moment=later), commands_resend(moment=later)) == (1, 0)
    assert OutboxMessage.objects.filter(target="command", message_id=str(command.id)).count() == 2


def test_no_station_speaks_for_anothers_command(operator, station, elsewhere):
    command = issue(operator, station)
    other = station_of(elsewhere)
    assert not command_report(station_id=other.id, status=word(command, "succeeded"), moment=clock.now())
    stray = CommandStatus(command=uuid.uuid4(), state="succeeded", at=clock.now().timestamp())
    assert not command_report(station_id=station.id, status=stray, moment=clock.now())
    command.refresh_from_db()
    assert command.state == "queued"


@pytest.mark.django_db(transaction=True)
def test_of_many_ends_at_once_exactly_one_wins(operator, station):
    command = issue(operator, station)
    gate = threading.Barrier(6)

    def report(state):
        gate.wait()
        command_report(station_id=station.id, status=word(command, state), moment=clock.now())
        connection.close()

    threads = [threading.Thread(target=report, args=(s,)) for s in ("succeeded", "failed", "refused") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(step.is_applied for step in command.steps.all()) == 2


def test_a_dangerous_command_in_a_loop_is_refused(operator, station):
    first = issue(operator, station, "reboot")
    for _ in range(2):
        issue(operator, station, "reboot")
    with pytest.raises(TooMany, match="3 times within 60 minutes"):
        issue(operator, station, "reboot")
    issue(operator, station, "ping")
    Command.objects.filter(pk=first.pk).update(issued_at=clock.now() - timedelta(hours=2))
    issue(operator, station, "reboot")


def test_five_hundred_reports_on_one_ping_are_a_few_steps_and_a_count(operator, station, django_assert_max_num_queries):
    command = issue(operator, station)
    moment = clock.now()
    reports = [
        Report(station.id, CommandStatus(command=command.id, state="running", at=moment.timestamp() + n))
        for n in range(500)
    ]
    reports += [Report(station.id, word(command, "succeeded"))] * 3
    with django_assert_max_num_queries(10):
        assert commands_report(reports, moment) == []
    command.refresh_from_db()
    assert command.state == "succeeded"
    steps = list(command.steps.all())
    assert [step.state for step in steps if step.is_applied] == ["queued", "running", "succeeded"]
    assert sum(not step.is_applied for step in steps) == STEPS_MOST
    assert len(steps) - 1 + command.reports_left_out == len(reports)


def test_a_command_with_no_room_for_words_is_still_closed(operator, station):
    command = issue(operator, station)
    moment = clock.now()
    for n in range(STEPS_MOST + 30):
        said = CommandStatus(command=command.id, state="received", at=moment.timestamp() + n)
        command_report(station_id=station.id, status=said, moment=moment)
    assert command_report(station_id=station.id, status=word(command, "failed"), moment=moment)
    command.refresh_from_db()
    assert (command.state, command.reports_left_out) == ("failed", 29)
    assert states(command)[-1] == ("failed", True)


def test_reports_of_many_commands_and_strangers_are_told_apart_in_one_batch(operator, station, institute):
    other = station_of(institute)
    mine, theirs = issue(operator, station), issue(operator, other)
    stray = CommandStatus(command=uuid.uuid4(), state="succeeded", at=clock.now().timestamp())
    reports = [
        Report(station.id, word(mine, "succeeded")),
        Report(station.id, word(theirs, "succeeded")),
        Report(station.id, stray),
        Report(other.id, word(theirs, "failed")),
    ]
    assert commands_report(reports, clock.now()) == [1, 2]
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.state, theirs.state) == ("succeeded", "failed")


def states_told():
    rows = OutboxMessage.objects.filter(target=OutboxMessage.Target.EVENT).order_by("id")
    return [(row.routing_key.rpartition(".")[2], row.body["state"], row.body["name"]) for row in rows]


def test_programs_are_told_of_every_state_that_a_command_comes_into_and_of_no_other_word(operator, station):
    command = command_issue(viewer=operator, station=station, name="ping", parameters={})
    moment = clock.now()
    command_sent(command_id=command.id, moment=moment)
    for state in ("received", "running", "running", "succeeded", "failed"):
        status = CommandStatus(command=command.id, state=state, at=moment.timestamp())
        commands_report([Report(station.id, status)], moment)
    wanted = ["queued", "sent", "received", "running", "succeeded"]
    assert states_told() == [(f"command_{state}", state, "ping") for state in wanted]
    row = OutboxMessage.objects.filter(target=OutboxMessage.Target.EVENT).first()
    assert row.routing_key == f"{station.organization.slug}.{station.serial}.command_queued"
    assert (row.body["command"], row.body["station"]) == (str(command.id), station.serial)


def test_a_cancelled_and_an_expired_command_are_told_too(operator, station):
    command = command_issue(viewer=operator, station=station, name="ping", parameters={})
    command_cancel(viewer=operator, command=command)
    command_issue(viewer=operator, station=station, name="ping", parameters={}, expires_in=1)
    commands_expire(moment=clock.now() + timedelta(seconds=5))
    assert [event for event, *_ in states_told()] == [
        "command_queued",
        "command_cancelled",
        "command_queued",
        "command_expired",
    ]
