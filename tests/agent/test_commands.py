"""A command runs once, only with the owner's consent and before it expires, and its result is reported."""

import json
import time
import uuid

import msgspec
import pytest
from agent.messages_of import outbox_messages

from message_queue.contracts.commands import command_contracts
from message_queue.contracts.commands.base import CommandMessage, command_encode
from station_agent.commands import base, handlers
from station_agent.commands.base import CommandOutcome, Handler
from station_agent.outbox import READING
from station_agent.running import executor as executor_module
from station_agent.running.executor import Executor


@pytest.fixture
def consent(tmp_path):
    return tmp_path / "consent.json"


@pytest.fixture
def make_executor(make_station, consent):
    def make(**fields):
        station = make_station(**fields)
        executor = Executor(station, station.journal, consent)
        executor.station = station
        return executor

    return make


@pytest.fixture
def runs(monkeypatch):
    """Handlers that count their runs: `work` may be repeated, `risk` may not."""
    ran = []

    def run(station, parameters):
        ran.append(station)
        if run.error:
            raise run.error
        return CommandOutcome("succeeded", "Done.", {"n": len(ran)}, "text")

    run.error = None
    ran_handlers = {
        "ping": Handler(name="ping", run=run),
        "reboot": Handler(name="reboot", run=run, repeatable=False),
    }
    monkeypatch.setattr(executor_module, "handlers", lambda: ran_handlers)
    return type("Runs", (), {"ran": ran, "run": run})


def message(name="ping", **fields):
    values = {
        "id": uuid.uuid4(),
        "station": "SG-TEST",
        "name": name,
        "issued_at": time.time(),
        "expires_at": time.time() + 60,
    } | fields
    return CommandMessage(**values)


def states(station):
    return [body.state for kind, body in outbox_messages(station.outbox) if kind == "command_status"]


def last(station):
    return [body for kind, body in outbox_messages(station.outbox) if kind == "command_status"][-1]


def test_every_command_of_the_wire_has_its_handler():
    assert set(handlers()) == set(command_contracts())
    assert all(name == handler.name for name, handler in handlers().items())


def test_a_command_runs_and_says_so(make_executor, runs):
    executor = make_executor()
    executor.handle(command_encode(message()))
    assert states(executor.station) == ["received", "running", "succeeded"]
    assert (last(executor.station).note, last(executor.station).result, last(executor.station).output) == (
        "Done.",
        {"n": 1},
        "text",
    )


def test_a_command_that_comes_again_is_not_run_again(make_executor, runs):
    executor, body = make_executor(), command_encode(message("reboot"))
    executor.handle(body)
    executor.handle(body)
    assert len(runs.ran) == 1
    assert states(executor.station) == ["received", "running", "succeeded", "succeeded"]
    assert last(executor.station).result == {"n": 1}


def test_a_command_that_comes_again_is_not_run_by_the_next_run_of_the_agent(make_executor, runs):
    first, body = make_executor(), command_encode(message("reboot"))
    first.handle(body)
    first.station.outbox.database.close()
    second = make_executor()
    second.handle(body)
    assert len(runs.ran) == 1


@pytest.fixture
def interrupted(make_executor, runs):
    """An executor whose agent died while a command was running."""

    def make(name):
        body = command_encode(message(name))
        executor = make_executor()
        runs.run.error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            executor.handle(body)
        runs.run.error = None
        executor.station.outbox.database.close()
        return make_executor(), body

    return make


def test_what_was_running_and_harmless_is_run_again(interrupted, runs):
    executor, body = interrupted("ping")
    executor.handle(body)
    assert len(runs.ran) == 2
    assert last(executor.station).state == "succeeded"


def test_what_was_running_and_not_harmless_is_reported_as_unknown(interrupted, runs):
    executor, body = interrupted("reboot")
    executor.handle(body)
    assert len(runs.ran) == 1
    assert (last(executor.station).state, "unknown" in last(executor.station).note) == ("failed", True)


def test_a_reboot_that_happened_has_succeeded(interrupted, runs):
    executor, body = interrupted("reboot")
    executor.station.boot_id = "another boot"
    executor.handle(body)
    assert len(runs.ran) == 1
    assert (last(executor.station).state, "restarted" in last(executor.station).note) == ("succeeded", True)


@pytest.mark.parametrize(
    ("fields", "state", "words"),
    [
        ({"station": "SG-OTHER"}, "refused", "for station SG-OTHER"),
        ({"expires_at": time.time() - 1}, "expired", "too late"),
        ({"name": "make_coffee"}, "refused", "no command 'make_coffee'"),
        ({"parameters": {"loud": True}}, "refused", "Invalid parameters"),
    ],
)
def test_what_must_not_run_does_not(make_executor, runs, fields, state, words):
    executor = make_executor()
    executor.handle(command_encode(message(**fields)))
    assert states(executor.station) == [state]
    assert words in last(executor.station).note
    assert runs.ran == []


def test_a_refused_command_stays_refused(make_executor, runs, consent):
    consent.write_text('{"commands": false}')
    executor, body = make_executor(), command_encode(message())
    executor.handle(body)
    consent.unlink()
    executor.handle(body)
    assert states(executor.station) == ["refused", "refused"]
    assert runs.ran == []


def test_without_a_clock_nothing_runs(make_executor, runs, monkeypatch):
    executor, body = make_executor(), command_encode(message())
    monkeypatch.setattr(time, "time", lambda: 946_684_811.0)
    executor.handle(body)
    monkeypatch.undo()
    assert "clock is not set (it shows 2000-01-01" in last(executor.station).note
    assert states(executor.station) == ["refused"]


@pytest.mark.parametrize(
    ("text", "ping", "reboot"),
    [
        (None, True, True),
        ("{}", True, True),
        ('{"commands": true, "webui": true, "support": 0}', True, True),
        ('{"commands": false}', False, False),
        ('{"deny": ["reboot"]}', True, False),
        ('{"allow": ["ping"]}', True, False),
        ('{"allow": ["ping", "reboot"], "deny": ["reboot"]}', True, False),
        ('{"allow": []}', False, False),
        ('{"comands": false}', False, False),
        ("not json", False, False),
        ('{"deny": ["\udcff"]}', False, False),
        ("[" * 100_000, False, False),
        ('{"commands": "no"}', False, False),
    ],
)
def test_the_owners_consent(make_executor, runs, consent, text, ping, reboot):
    if text is not None:
        consent.write_text(text, errors="surrogateescape")
    executor = make_executor()
    for name, allowed in (("ping", ping), ("reboot", reboot)):
        executor.handle(command_encode(message(name)))
        assert last(executor.station).state == ("succeeded" if allowed else "refused")
        if not allowed:
            assert last(executor.station).note.startswith("The station's")


def test_a_message_that_is_no_command_is_reported_and_dropped(make_executor, runs):
    executor = make_executor()
    odd = (
        b"",
        b"\xff\x00",
        b"[" * 200_000,
        b'{"id": 1}',
        b'{"id": "\xff"}',
        json.dumps({"id": str(uuid.uuid4())}).encode(),
    )
    for body in odd:
        executor.handle(body)
    names = [event.name for _, body in outbox_messages(executor.station.outbox) for event in body.events]
    assert names == ["command_unreadable"] * len(odd)


def test_a_handler_that_fails_says_why(make_executor, runs):
    executor = make_executor()
    runs.run.error = ValueError("no radio")
    executor.handle(command_encode(message()))
    assert (last(executor.station).state, last(executor.station).note) == (
        "failed",
        "The station could not do it: no radio.",
    )


def test_output_is_bounded(make_executor, monkeypatch):
    long = Handler(
        name="ping", run=lambda _station, _parameters: CommandOutcome("succeeded", "n" * 5_000, {}, "\x00o" * 50_000)
    )
    monkeypatch.setattr(executor_module, "handlers", lambda: {"ping": long})
    executor = make_executor()
    executor.handle(command_encode(message()))
    assert len(last(executor.station).note) == base.NOTE_MOST
    assert (last(executor.station).note[-1], last(executor.station).output[-1]) == ("…", "…")
    assert len(last(executor.station).output) == base.OUTPUT_MOST


def test_the_reporting_interval_is_kept_and_reported(make_executor):
    executor = make_executor()
    body = message("set_reporting_interval", parameters={"seconds": 120})
    executor.handle(command_encode(body))
    assert last(executor.station).result == {"seconds": 120, "seconds_before": 300}
    assert executor.station.report_wanted.is_set()
    executor.station.outbox.database.close()
    assert make_executor().station.reporting_interval == 120


@pytest.mark.parametrize(
    ("program", "state", "words"),
    [
        (["true"], "succeeded", "rebooting"),
        (["sh", "-c", "echo no right; exit 3"], "failed", "ended with code 3"),
        (["/no/such/program"], "failed", "could not be run"),
    ],
)
def test_reboot_runs_the_configured_program(make_executor, make_config, program, state, words):
    commands = msgspec.structs.replace(make_config().commands, reboot=program)
    executor = make_executor(commands=commands)
    executor.handle(command_encode(message("reboot")))
    assert (last(executor.station).state, words in last(executor.station).note) == (state, True)


def test_diagnostics_tell_what_a_person_wants_to_know(make_executor):
    executor = make_executor()
    executor.handle(command_encode(message("run_diagnostics")))
    status = last(executor.station)
    assert status.state == "succeeded"
    assert {"disk_percent", "backlog_messages", "uptime_s", "clock_is_set"} <= set(status.result)
    assert "Disk:" in status.output
    assert "Outbox:" in status.output


def test_a_damaged_outbox_does_not_make_commands_run_again(make_executor, runs, tmp_path):
    executor, body = make_executor(), command_encode(message("reboot"))
    executor.handle(body)
    for number in range(3):
        executor.station.outbox.put("readings", [{"n": "t", "v": number}], READING)
    waiting = executor.station.outbox.backlog().messages
    executor.station.outbox.database.close()
    database = tmp_path / "state" / "outbox.db"
    database.with_name("outbox.db.suspect").touch()
    again = make_executor()
    assert list(database.parent.glob("outbox.db.damaged-*"))
    events = [event for kind, b in outbox_messages(again.station.outbox) if kind == "event" for event in b.events]
    assert [(event.name, event.data["commands_saved"]) for event in events] == [("outbox_rebuilt", 1)]
    assert events[0].data["messages_lost"] == waiting
    assert events[0].data["lost"].endswith(", readings 3")
    again.handle(body)
    assert len(runs.ran) == 1
    assert states(again.station) == ["succeeded"]
