"""A command that cannot be executed harms only itself: later commands run, and the server is told what happened."""

import sqlite3
import uuid
from itertools import pairwise

import pytest
from agent.messages_of import outbox_messages
from agent.test_commands import consent, last, make_executor, message, runs, states
from waiting import until

from message_queue.contracts.commands.base import Withdrawal, command_encode, withdrawal_encode
from station_agent.running import executor as executor_module

__all__ = ["consent", "make_executor", "runs"]


@pytest.fixture
def working(make_executor, monkeypatch):
    """A running executor; `give(body)` delivers a command, and `done` lists the acknowledged bodies."""
    monkeypatch.setattr(executor_module, "LOOK_BEHIND_SECONDS", 0.3)
    executor = make_executor()
    executor.start()
    executor.done = []
    executor.give = lambda body: executor.deliver(body, lambda: executor.done.append(body))
    yield executor
    executor.stop(5.0)


def said(station, command):
    found = [body for kind, body in outbox_messages(station.outbox) if kind == "command_status"]
    return [(body.state, body.note) for body in found if body.command == command]


def journal_set(executor, command, **columns):
    executor._journal.received(command=str(command.id), name=command.name, boot_id="b")
    marks = ", ".join(f"{name} = ?" for name in columns)
    with executor.station.outbox.database.transaction() as sql:
        sql.execute(f"UPDATE journal SET {marks} WHERE id = ?", (*columns.values(), str(command.id)))


@pytest.mark.parametrize(
    ("columns", "state", "words"),
    [
        ({"state": "succeeded", "result": "{no json"}, "succeeded", "figures are damaged"),
        ({"state": "succeeded", "result": "[" * 5_000}, "succeeded", "figures are damaged"),
        ({"state": "succeeded", "result": '{"deep": {"a": 1}}'}, "succeeded", "figures are damaged"),
        ({"state": "sleeping"}, "failed", "damaged"),
        ({"state": b"\xff\xfe"}, "failed", "damaged"),
        ({"state": "failed", "note": b"no \xff UTF-8"}, "failed", "UTF-8"),
        ({"state": "failed", "changed_at": "yesterday"}, "failed", ""),
        ({"state": "failed", "note": "n" * 5_000}, "failed", "nnn"),
    ],
)
def test_a_damaged_journal_row_neither_runs_twice_nor_blocks_the_next(working, runs, columns, state, words):
    damaged, following = message("reboot"), message()
    journal_set(working, damaged, **columns)
    for each in (damaged, following):
        working.give(command_encode(each))
    until(lambda: len(working.done) == 2)
    assert len(runs.ran) == 1
    ((told, note),) = said(working.station, damaged.id)
    assert (told, words in note, len(note) <= 250) == (state, True, True)
    assert said(working.station, following.id)[-1][0] == "succeeded"


def test_a_refused_redelivery_blocks_no_later_command(working, runs):
    # It started in an older agent, which died; today's contract no longer accepts its parameters.
    odd, following = message(parameters={"loud": True}), message()
    journal_set(working, odd, state="running")
    for each in (odd, following):
        working.give(command_encode(each))
    until(lambda: len(working.done) == 2)
    ((state, note),) = said(working.station, odd.id)
    assert (state, "Invalid parameters" in note) == ("failed", True)
    assert len(runs.ran) == 1


def test_a_full_disk_puts_a_command_aside_for_the_others(working, runs, monkeypatch):
    monkeypatch.setattr(executor_module, "RETRY_SECONDS", 0.2)
    failures, real = [], working._journal.get

    def get(command):
        if command == str(first.id) and len(failures) < 2:
            failures.append(command)
            raise sqlite3.OperationalError("database or disk is full")
        return real(command)

    monkeypatch.setattr(working._journal, "get", get)
    first, second = message(), message()
    for each in (first, second):
        working.give(command_encode(each))
    until(lambda: len(working.done) == 2)
    assert working.done == [command_encode(second), command_encode(first)]
    assert len(runs.ran) == 2


def test_an_unforeseen_fault_of_one_command_is_reported_and_the_next_runs(working, runs, monkeypatch):
    def odd(*_):
        raise RuntimeError("of a kind nobody thought of")

    with monkeypatch.context() as change:
        change.setattr(working._journal, "get", odd)
        bad = message()
        working.give(command_encode(bad))
        until(lambda: len(working.done) == 1)
    assert said(working.station, bad.id) == [
        ("failed", "The station could not process it: of a kind nobody thought of.")
    ]
    working.give(command_encode(message()))
    until(lambda: len(runs.ran) == 1)


def test_a_withdrawal_overtakes_the_commands_that_wait(working, runs):
    reboot, ping = message("reboot"), message()
    word = withdrawal_encode(Withdrawal(withdraw=reboot.id, station="SG-TEST", expires_at=reboot.expires_at))
    for body in (command_encode(reboot), command_encode(ping), word):
        working.give(body)
    until(lambda: len(working.done) == 3)
    assert [state for state, _ in said(working.station, reboot.id)] == ["refused", "refused"]
    assert len(runs.ran) == 1
    # Reported twice, it must be the same report to the server, so with the same time.
    found = [b for k, b in outbox_messages(working.station.outbox) if k == "command_status" and b.command == reboot.id]
    assert all(one.at == other.at for one, other in pairwise(found))


def test_a_withdrawal_after_the_end_changes_nothing(make_executor, runs):
    executor, reboot = make_executor(), message("reboot")
    executor.handle(command_encode(reboot))
    executor.handle(withdrawal_encode(Withdrawal(withdraw=reboot.id, station="SG-TEST", expires_at=reboot.expires_at)))
    assert states(executor.station) == ["received", "running", "succeeded"]


def test_a_withdrawal_for_another_station_is_not_obeyed(make_executor, runs):
    executor, ping = make_executor(), message()
    executor.handle(withdrawal_encode(Withdrawal(withdraw=ping.id, station="SG-OTHER", expires_at=ping.expires_at)))
    executor.handle(command_encode(ping))
    assert last(executor.station).state == "succeeded"


def test_what_was_withdrawn_is_remembered_by_the_next_run_of_the_agent(make_executor, runs):
    first, ping = make_executor(), message()
    first.handle(withdrawal_encode(Withdrawal(withdraw=ping.id, station="SG-TEST", expires_at=ping.expires_at)))
    first.station.outbox.database.close()
    second = make_executor()
    second.handle(command_encode(ping))
    assert (last(second.station).state, runs.ran) == ("refused", [])


def test_a_command_that_comes_three_times_in_one_burst_is_acknowledged_each_time_and_runs_once(working, runs):
    body = command_encode(message("reboot"))
    for _ in range(3):
        working.give(body)
    until(lambda: len(working.done) == 3)
    assert len(runs.ran) == 1


def test_every_row_of_a_damaged_journal_is_saved(make_executor, runs, tmp_path):
    executor = make_executor()
    bodies = [command_encode(message("reboot", id=uuid.UUID(int=number))) for number in range(1, 6)]
    for body in bodies:
        executor.handle(body)
    with executor.station.outbox.database.transaction() as sql:
        sql.execute("UPDATE journal SET note = ?, state = ? WHERE id = ?", (b"\xff", b"\xff", str(uuid.UUID(int=3))))
    executor.station.outbox.database.close()
    (tmp_path / "state" / "outbox.db.suspect").touch()
    again = make_executor()
    events = [event for kind, b in outbox_messages(again.station.outbox) if kind == "event" for event in b.events]
    assert [event.data["commands_saved"] for event in events] == [5]
    for body in bodies:
        again.handle(body)
    assert len(runs.ran) == 5
