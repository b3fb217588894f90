"""The output of `status`: when the agent has only just started, its file cannot be read, or somebody watches."""

import contextlib
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from station_agent.config import config_write
from station_agent.greeting import hello_put
from station_agent.status import status_read, status_say

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(make_config):
    config = make_config()
    config.state_path.mkdir(parents=True)
    return config


def test_an_outbox_without_tables_yet_counts_as_empty(config):
    with contextlib.closing(sqlite3.connect(config.database_path)) as sql:
        sql.execute("PRAGMA journal_mode=WAL")
    assert status_read(config)["backlog"] == {"messages": 0, "bytes": 0, "oldest_at": None}
    assert ("Waiting", "Nothing: everything has been sent.") in status_say(config)


def test_what_waits_is_read_without_the_agent(make_station, config):
    station = make_station()
    hello_put(station)
    assert status_read(config)["backlog"]["messages"] == station.outbox.backlog().messages > 0


def test_an_unreadable_outbox_is_reported_and_not_taken_for_empty(config):
    config.database_path.write_bytes(b"not a database, but long enough to be looked at" * 20)
    assert status_read(config)["backlog"] is None
    assert ("Waiting", "The outbox cannot be read at the moment.") in status_say(config)


@pytest.fixture
def status(tmp_path):
    """Run `station-agent status` with a configuration of its own."""
    config_write(
        tmp_path / "config.toml",
        {
            "serial": "SG-TEST",
            "state_dir": str(tmp_path / "state"),
            "amqp": {
                "host": "127.0.0.1",
                "port": 1,
                "username": "u",
                "password": "p",
                "exchange": "in.SG-TEST",
                "command_queue": "cmd.SG-TEST",
            },
            "sources": {"sensorgnome": {"directory": str(tmp_path)}},
        },
    )
    started = []

    def run(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "station_agent", "status", "--config", str(tmp_path / "config.toml"), *words]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_the_status_is_shown_again_and_again_until_somebody_stops_it(status):
    # A background process ignores this signal, and so would every process that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        watching = status("--watch")
    finally:
        signal.signal(signal.SIGINT, before)
    lines = iter(watching.stdout.readline, "")
    for _ in range(2):
        assert next(line for line in lines if line.startswith("Station")).split() == ["Station", "SG-TEST"]
        assert "It is not running" in next(line for line in lines if line.startswith("Agent"))
    watching.send_signal(signal.SIGINT)
    assert watching.wait(PATIENCE_S) == 0
    assert watching.stderr.read() == ""


def test_watching_and_json_exclude_each_other(status):
    _out, told = (process := status("--watch", "--json")).communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert told == "Choose one: --watch is for people, --json prints once for programs.\n"


@pytest.mark.parametrize(("patience", "is_shown"), [(0.0, True), (600.0, False)])
def test_a_terminal_says_what_it_waits_for_only_if_it_takes_long(patience, is_shown):
    program = (
        "import time; from station_agent import waiting_line\n"
        f"waiting_line._PATIENCE_S = {patience}\n"
        "with waiting_line.waiting('Asking the server …'): time.sleep(0.3)\n"
        "print('done')"
    )
    seen = bytearray()
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdout=slave, stderr=slave, env=environment, cwd=ROOT)
    os.close(slave)
    with contextlib.suppress(OSError):
        while piece := os.read(master, 4_096):
            seen += piece
    os.close(master)
    assert process.wait(PATIENCE_S) == 0
    assert (b"Asking the server" in seen) is is_shown
    assert b"done" in seen
