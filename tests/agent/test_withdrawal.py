"""A cancelled command does not run: with the real broker, relay and agent, while asleep, half connected, or faster than
the cancellation.
"""

import signal
from contextlib import contextmanager

import pika
import pytest
from agent.test_agent_run import bodies, make_agent
from django.conf import settings
from one_each import command_report
from people import institute, operator, owner, station_of
from waiting import until

from fleet.commands.models import Command
from fleet.commands.services import command_cancel, command_issue
from fleet.commands.withdrawal import withdrawals_seek
from fleet.core import clock
from fleet.core.models import OutboxMessage
from fleet.stations.models import StationContact
from message_queue.routing import command_queue
from message_queue.take_back import TakeBack
from workers.relay import Relay

__all__ = ["institute", "make_agent", "operator", "owner"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(make_broker_station):
    return make_broker_station()


@pytest.fixture
def station(institute, place):
    return station_of(institute, serial=place.serial)


@pytest.fixture
def sleeper(make_agent, place, tmp_path):
    """An agent whose reboot only creates a file, `mark`."""
    agent = make_agent(
        place.amqp,
        commands={"consent_file": str(tmp_path / "consent.json"), "reboot": ["touch", str(tmp_path / "rebooted")]},
    )
    agent.mark = tmp_path / "rebooted"
    return agent


@contextmanager
def held(agent):
    """Freeze the station's machine: its connection stays open, but nothing is read."""
    agent._process.send_signal(signal.SIGSTOP)
    yield
    agent._process.send_signal(signal.SIGCONT)


def sent(operator, station, name):
    command = command_issue(viewer=operator, station=station, name=name, parameters={})
    assert Relay().publish_round() >= 1
    command.refresh_from_db()
    assert command.state == Command.State.SENT
    return command


def cancelled(operator, command):
    command_cancel(viewer=operator, command=command)
    Relay().publish_round()
    withdrawals_seek(moment=clock.now())
    command.refresh_from_db()
    return command


def answers_taken(place, station, enough):
    """Record the station's command statuses in the database; return them."""
    found = [
        body for kind, body in bodies(place.see_until(lambda seen: enough(_statuses(seen)))) if kind == "command_status"
    ]
    for status in found:
        command_report(station_id=station.id, status=status, moment=clock.now())
    return found


def _takes_commands(status):
    return status["agent"] and status["agent"]["commands"]["connected_since"]


def _statuses(seen):
    return [(body.command, body.state) for kind, body in bodies(seen) if kind == "command_status"]


def queued(place):
    """Messages ready in the station's queue, oldest first; they stay there."""
    with place.channel() as channel:
        found = []
        while True:
            method, properties, _ = channel.basic_get(command_queue(place.serial))
            if method is None:
                return found
            found.append((properties.type, properties.message_id))


def test_a_reboot_cancelled_while_the_station_sleeps_never_runs(operator, station, place, sleeper):
    before, reboot, after = (sent(operator, station, name) for name in ("ping", "reboot", "ping"))
    cancelled(operator, reboot)
    assert (reboot.state, reboot.withdrawal, reboot.copies) == ("cancelled", "taken_back", 0)
    assert queued(place) == [
        ("command", str(before.id)),
        ("command", str(after.id)),
        ("withdrawal", str(reboot.id)),
    ]
    sleeper.start()
    answers_taken(place, station, lambda s: {(before.id, "succeeded"), (after.id, "succeeded")} <= set(s))
    assert not sleeper.mark.exists()
    for command in (before, after):
        command.refresh_from_db()
        assert command.state == "succeeded"
    reboot.refresh_from_db()
    assert (reboot.state, reboot.withdrawal, reboot.ran_at) == ("cancelled", "taken_back", None)


def test_a_cancelled_command_on_a_half_open_connection_is_refused_by_the_station(operator, station, place, sleeper):
    sleeper.start()
    sleeper.status_until(_takes_commands)
    with held(sleeper):
        reboot = sent(operator, station, "reboot")
        cancelled(operator, reboot)
        assert reboot.withdrawal == "sought"
    answers_taken(place, station, lambda s: (reboot.id, "refused") in s)
    reboot.refresh_from_db()
    assert (reboot.state, reboot.withdrawal) == ("cancelled", "stopped")
    assert not sleeper.mark.exists()


def is_taken_back(command) -> bool:
    """Look for the command once more; return whether it was taken back from the queue."""
    withdrawals_seek(moment=clock.now())
    command.refresh_from_db()
    return command.withdrawal == "taken_back"


def test_a_cancelled_command_on_a_half_open_connection_is_taken_back_when_that_ends(operator, station, place, sleeper):
    sleeper.start()
    sleeper.status_until(_takes_commands)
    with held(sleeper):
        reboot = sent(operator, station, "reboot")
        cancelled(operator, reboot)
        sleeper.kill()
        until(lambda: is_taken_back(reboot), "the command")
    sleeper.start()
    answers_taken(place, station, lambda s: (reboot.id, "refused") in s)
    assert not sleeper.mark.exists()


def test_what_ran_before_the_cancellation_came_is_said_with_its_moment(operator, station, place, sleeper):
    sleeper.start()
    reboot = sent(operator, station, "reboot")
    found = place.see_until(lambda seen: (reboot.id, "succeeded") in _statuses(seen))
    cancelled(operator, reboot)
    assert (reboot.state, reboot.withdrawal) == ("cancelled", "sought")
    statuses = [body for kind, body in bodies(found) if kind == "command_status"]
    # The last status first, because an outage can reverse the order of reports.
    for status in reversed(statuses):
        command_report(station_id=station.id, status=status, moment=clock.now())
    reboot.refresh_from_db()
    began = next(status.at for status in statuses if status.state == "running")
    assert (reboot.state, reboot.withdrawal, reboot.ran_at) == ("cancelled", "ran", clock.from_seconds(began))
    assert sleeper.mark.exists()


def test_a_withdrawal_that_comes_before_its_command_stops_it(operator, station, place, sleeper):
    # With two relays, one may hold the command while it is cancelled, and publish it after the other's withdrawal.
    command = command_issue(viewer=operator, station=station, name="reboot", parameters={})
    row = OutboxMessage.objects.get(target="command")
    OutboxMessage.objects.filter(id=row.id).update(published_at=clock.now())
    command_cancel(viewer=operator, command=command)
    Relay().publish_round()
    assert queued(place) == [("withdrawal", str(command.id))]
    Relay()._send(row)
    sleeper.start()
    statuses = answers_taken(place, station, lambda s: s.count((command.id, "refused")) >= 2)
    assert {status.state for status in statuses} == {"refused"}
    command.refresh_from_db()
    assert (command.withdrawal, command.steps.filter(state="refused").count()) == ("stopped", 1)
    assert not sleeper.mark.exists()


def test_what_was_cancelled_while_the_broker_was_away_never_goes_out(operator, station, place):
    command = command_issue(viewer=operator, station=station, name="reboot", parameters={})
    row = OutboxMessage.objects.get(target="command")
    command_cancel(viewer=operator, command=command)
    command.refresh_from_db()
    assert command.withdrawal == "unsent"
    assert not OutboxMessage.objects.filter(target__in=("command", "withdrawal")).exists()
    # A row that another transaction had locked at that moment is still there; the relay must not send it.
    row.pk = None
    row.save()
    Relay().publish_round()
    assert queued(place) == []
    row.refresh_from_db()
    assert row.published_at is not None


def test_every_copy_is_taken_back_also_those_published_again(operator, station, place):
    command = sent(operator, station, "reboot")
    for _ in range(2):
        OutboxMessage.objects.filter(target="command").update(published_at=None)
        Relay().publish_round()
    assert len(queued(place)) == 3
    cancelled(operator, command)
    assert (command.withdrawal, command.copies) == ("taken_back", 0)
    assert queued(place) == [("withdrawal", str(command.id))]


def test_an_agent_from_before_withdrawals_is_sent_none(operator, station, place):
    StationContact.objects.filter(station=station).update(hello={"commands": ["ping", "reboot"]})
    command = sent(operator, station, "reboot")
    cancelled(operator, command)
    assert (command.withdrawal, queued(place)) == ("taken_back", [])


def test_a_command_whose_time_is_over_is_no_longer_sought(operator, station, place, sleeper):
    sleeper.start()
    sleeper.status_until(_takes_commands)
    with held(sleeper):
        command = sent(operator, station, "reboot")
        cancelled(operator, command)
        withdrawals_seek(moment=command.expires_at + (command.expires_at - command.issued_at))
        command.refresh_from_db()
        assert command.withdrawal == "lapsed"


def test_cancelled_commands_that_are_being_withdrawn_count_as_waiting(operator, station, place, sleeper):
    sleeper.start()
    sleeper.status_until(_takes_commands)
    with held(sleeper):
        for _ in range(50):
            cancelled(operator, sent(operator, station, "ping"))
        with pytest.raises(Exception, match="50 commands are already waiting"):
            sent(operator, station, "ping")


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_taking_back_some_messages_leaves_the_others_each_once_and_in_order(place, kind):
    queue, names = f"cmd.{place.serial}-{kind}", [str(number) for number in range(60)]
    with place.channel() as channel:
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})
        channel.confirm_delivery()
        for name in names:
            properties = pika.BasicProperties(message_id=name, type="command", delivery_mode=2)
            channel.basic_publish("", queue, b"{}", properties, mandatory=True)
    wanted = {"0", "7", "8", "59"}
    try:
        with TakeBack(settings.ROOST_COMMAND_BROKER_URL) as broker:
            assert broker.take(queue, wanted) == dict.fromkeys(wanted, 1)
            assert broker.take(queue, wanted) == {}
            assert broker.take(queue, {"nobody"}) == {}
        with place.channel() as channel:
            left = []
            while len(left) < len(names) - len(wanted):
                method, properties, _ = channel.basic_get(queue, auto_ack=True)
                if method is not None:
                    left.append(properties.message_id)
            assert sorted(left, key=int) == [name for name in names if name not in wanted]
            # A quorum queue may change their order (decision 0170); station queues are classic.
            assert kind == "quorum" or left == sorted(left, key=int)
            assert channel.basic_get(queue)[0] is None
    finally:
        with place.channel() as channel:
            channel.queue_delete(queue)


def test_a_queue_that_is_not_there_holds_nothing(place):
    with TakeBack(settings.ROOST_COMMAND_BROKER_URL) as broker:
        assert broker.take("cmd.SG-NOBODY", {"1"}) == {}
        assert broker.take(command_queue(place.serial), {"1"}) == {}


def test_the_login_that_takes_commands_back_reads_no_other_queue():
    with pika.BlockingConnection(pika.URLParameters(settings.ROOST_COMMAND_BROKER_URL)) as connection:
        channel = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
            channel.basic_get("inbound.telemetry")
