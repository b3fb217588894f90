"""The station obeys the pace that the server asks for, keeps its data meanwhile, and speeds up again by itself."""

import time

import pytest

from message_queue.contracts.command_status import CommandStatus
from message_queue.contracts.commands.pace import Pace
from message_queue.contracts.event import Event, Happening
from message_queue.contracts.health import Health
from station_agent.outbox import COMMAND_STATUS, EVENT, LATE_AFTER, PULSE, READING, REPORT
from station_agent.pace import PacedFeed, Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def paced(make_station, clock):
    outbox = make_station().outbox
    pacer = Pacer(outbox, clock)
    return outbox, pacer, PacedFeed(outbox, pacer)


def event():
    return Event(events=[Happening(t=1.0, name="test")])


def command_status():
    return CommandStatus(command="00000000-0000-4000-8000-000000000001", state="running", at=1.0)


def test_while_it_holds_off_only_command_results_go_and_nothing_is_lost(paced, clock):
    outbox, pacer, feed = paced
    pacer.obey(Pace(hold_for=60, for_s=100))
    for _ in range(3):
        outbox.put("event", event(), EVENT)
    outbox.put("command_status", command_status(), COMMAND_STATUS)

    assert [message.kind for message in feed.take(10)] == ["command_status"]
    assert "sending nothing" in pacer.say()
    clock.now += 61
    assert [message.kind for message in feed.take(10)] == ["event"] * 3


def test_slowed_down_it_keeps_to_the_rate_and_ends_by_itself(paced, clock):
    outbox, pacer, feed = paced
    pacer.obey(Pace(slowdown=30, for_s=100))
    for _ in range(50):
        outbox.put("event", event(), EVENT)

    gone = 0
    for _ in range(10):
        clock.now += 1
        gone += len(feed.take(50))
    assert 18 <= gone <= 22, "60 messages a second / 30, for ten seconds"
    assert pacer.slowdown == 30
    clock.now += 100
    assert (pacer.slowdown, pacer.say()) == (1, "")
    assert len(feed.take(50)) == 50 - gone


def test_a_command_result_never_waits_for_the_rate(paced, clock):
    outbox, pacer, feed = paced
    pacer.obey(Pace(slowdown=60, for_s=100))
    outbox.put("event", event(), EVENT)
    clock.now += 1
    assert len(feed.take(10)) == 1
    outbox.put("event", event(), EVENT)
    outbox.put("command_status", command_status(), COMMAND_STATUS)
    assert [message.kind for message in feed.take(10)] == ["command_status"]


def test_a_restart_does_not_end_a_slowdown_and_an_empty_pace_does(paced, clock):
    outbox, pacer, _ = paced
    pacer.obey(Pace(slowdown=4, spread=10, for_s=100))
    again = Pacer(outbox, clock)
    assert again.slowdown == 4
    assert {0.0 <= again.spread() <= 10.0 for _ in range(50)} == {True}
    again.obey(Pace())
    assert (again.slowdown, again.spread(), again.say()) == (1, 0.0, "")


def test_the_reporting_interval_follows_and_health_says_why(make_station):
    station = make_station(reporting_interval=60)
    station.pacer.obey(Pace(slowdown=10, for_s=3_600))
    assert station.reporting_interval == 600
    assert "10 times slower" in station.pacer.say()


def test_after_an_outage_the_present_goes_first_then_detections_then_old_reports(make_station):
    outbox = make_station().outbox
    for _ in range(3):
        outbox.put("health", Health(at=1.0), REPORT)
        outbox.put("readings", [], READING)
        outbox.put("event", event(), PULSE)
    newest = outbox.put("health", Health(at=2.0), REPORT)
    with outbox.database.transaction() as sql:
        sql.execute("UPDATE outbox SET created_at = created_at - ?", (LATE_AFTER + 1,))
    assert outbox.past_demote(time.time()) == 9
    fresh = outbox.put("event", event(), PULSE)

    taken = [(message.key, message.kind) for message in outbox.take(20)]

    assert taken[:2] == [(newest, "health"), (fresh, "event")]
    assert [kind for _, kind in taken[2:]] == ["event"] * 3 + ["readings"] * 3 + ["health"] * 3
    assert [key for key, _ in taken[2:5]] == [3, 6, 9]
    assert outbox.past_demote(time.time()) == 0
