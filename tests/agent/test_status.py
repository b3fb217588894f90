"""The output of `status` when the agent has only just started, or its file cannot be read."""

import contextlib
import sqlite3

import pytest

from station_agent.greeting import hello_put
from station_agent.status import status_read, status_say


@pytest.fixture
def config(make_config):
    config = make_config()
    config.state_path.mkdir(parents=True)
    return config


def test_a_file_whose_tables_are_still_to_come_holds_nothing(config):
    with contextlib.closing(sqlite3.connect(config.database_path)) as sql:
        sql.execute("PRAGMA journal_mode=WAL")
    assert status_read(config)["backlog"] == {"messages": 0, "bytes": 0, "oldest_at": None}
    assert ("Waiting", "Nothing: everything has been sent.") in status_say(config)


def test_what_waits_is_read_without_the_agent(make_station, config):
    station = make_station()
    hello_put(station)
    assert status_read(config)["backlog"]["messages"] == station.outbox.backlog().messages > 0


def test_a_file_that_cannot_be_read_is_said_and_not_taken_for_empty(config):
    config.database_path.write_bytes(b"not a database, but long enough to be looked at" * 20)
    assert status_read(config)["backlog"] is None
    assert ("Waiting", "The outbox cannot be read at the moment.") in status_say(config)
