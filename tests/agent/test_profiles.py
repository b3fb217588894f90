"""Profiles: how they are set, how a visiting link behaves and what it costs, and which data stays on the station."""

import socket
import time
from contextlib import closing

import pytest
from agent.agent_process import AgentProcess
from agent.messages_of import outbox_messages

from formats.lines import Fix
from formats.sensorgnome.places import Places
from message_queue.contracts.commands.set_profile import SetProfile
from station_agent.clock.watch import ClockWatch
from station_agent.commands import handlers
from station_agent.greeting import hello_put
from station_agent.identity.hardware import machine_read
from station_agent.link.data_use import data_use_store
from station_agent.link.meter import Meter
from station_agent.profiles import PROFILES
from station_agent.sources import sources_make


def test_a_command_changes_the_profile_until_the_configuration_is_changed_at_the_station(make_station):
    station = make_station(profile="normal")
    handlers()["set_profile"].run(station, SetProfile(profile="frugal"))
    assert (station.profile, station.tuning) == ("frugal", PROFILES["frugal"])
    assert station.hello_wanted.is_set()
    hello_put(station)
    ((kind, hello),) = outbox_messages(station.outbox)
    assert (kind, hello.profile) == ("hello", "frugal")
    station.outbox.database.close()
    assert make_station(profile="normal").profile == "frugal"
    assert make_station(profile="generous").profile == "generous"


def test_what_stays_on_the_station_is_named(make_station, tmp_path):
    (tmp_path / "SGdata").mkdir()
    station = make_station(profile="frugal")
    sources_make(station)
    assert station.vitals.kept == {"detections/pulse", "bursts", "gps/unchanged", "event/clock", "event/filter"}
    generous = make_station(profile="generous")
    sources_make(generous)["sensorgnome"].poll()
    assert generous.vitals.kept == set()


def test_a_position_is_told_when_it_moves_or_is_lost():
    places = Places()
    places.only_changes = True
    heard = [(44.0, -64.0), (44.0001, -64.0), (44.01, -64.0), (None, None), (None, None), (44.01, -64.0)]
    told = [places.is_told(Fix(at=1, lat=lat, lon=lon, alt=None)) for lat, lon in heard]
    assert told == [True, False, True, True, False, True]


def test_each_station_has_its_own_moment_in_the_interval_and_keeps_it(make_station):
    waits = []
    for serial in ("SG-A", "SG-B", "SG-C"):
        station = make_station(serial=serial, reporting_interval=900)
        wait = station.report_wait(1_760_000_000.0)
        assert 45 <= wait <= 945
        at = 1_760_000_000.0 + wait
        assert station.report_wait(at) == pytest.approx(900)
        assert station.report_wait(at - 0.5) == pytest.approx(900.5), "woken a little early, it does not report twice"
        waits.append(wait)
    assert len({round(wait) for wait in waits}) == 3


def test_a_step_of_the_clock_is_told_with_before_and_after(make_station):
    station = make_station()
    moments = {"wall": 946_684_800.0, "steady": 50.0}
    watch = ClockWatch(station, wall=lambda: moments["wall"], steady=lambda: moments["steady"])
    moments["wall"], moments["steady"] = 946_684_802.0004, 52.0
    watch.look()
    assert outbox_messages(station.outbox) == []
    moments["wall"], moments["steady"] = 1_760_000_000.0, 54.0
    watch.look()
    watch.look()
    ((_, event),) = outbox_messages(station.outbox)
    (happening,) = event.events
    assert happening.name == "clock_step"
    assert happening.data["before"] == pytest.approx(946_684_804, abs=0.01)
    assert happening.data["after"] == 1_760_000_000.0


def test_the_machine_has_a_short_name_that_stays():
    assert machine_read() == machine_read()
    assert len(machine_read()) in (0, 16)


def test_bytes_are_counted_with_their_headers():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client = socket.create_connection(server.getsockname())
        other, _ = server.accept()
        meter = Meter()
        meter.watch(client)
        client.sendall(b"x" * 1_000)
        assert len(other.recv(2_000)) == 1_000
        other.sendall(b"y" * 300)
        assert len(client.recv(400)) == 300
        time.sleep(0.1)
        client.close()
        sent, received = meter.fresh()
        assert meter.fresh() == (0, 0)
        meter.end()
        other.close()
    assert 1_000 + 3 * 40 <= sent <= 1_000 + 8 * 60
    assert 300 + 3 * 40 <= received <= 300 + 8 * 60


def test_what_was_used_is_counted_over_restarts(make_station):
    station = make_station()
    station.vitals.publishing.link_sent, station.vitals.commands.link_received = 1_000, 70
    first = data_use_store(station.outbox, station.vitals)
    station.vitals.publishing.link_sent += 5
    second = data_use_store(station.outbox, station.vitals)
    station.outbox.database.close()
    again = make_station()
    third = data_use_store(again.outbox, again.vitals)
    assert [(use.sent, use.received) for use in (first, second, third)] == [(1_000, 70), (1_005, 70), (1_005, 70)]
    assert first.counter == third.counter


def test_a_frugal_station_comes_with_its_report_takes_its_commands_and_leaves(make_broker_station, tmp_path):
    station = make_broker_station(tls=True)
    agent = AgentProcess(tmp_path, station.amqp, profile="frugal", reporting_interval=3_600).start()
    try:
        agent.status_until(lambda s: s["agent"] and s["agent"]["publishing"]["link_sent"] > 0 and not s["connected"])
        seen = station.see_until(lambda found: {"hello", "health"} <= {each.decoded.envelope.kind for each in found})
        assert {each.properties.headers["since"] for each in seen} == {1}
        state = agent.status_until(
            lambda s: (
                s["agent"]
                and not s["connected"]
                and s["agent"]["publishing"]["reason"].startswith("It connects with its next report")
            )
        )
        assert state["agent"]["commands"]["connected_since"] is None, "no second connection"
        used = state["agent"]["publishing"]
        assert 2_000 < used["link_sent"] + used["link_received"] < 20_000
        command = station.command("ping")
        agent.stop()
        agent.start()
        station.statuses(command, last="succeeded")
        agent.status_until(lambda s: s["running"] and s["agent"] and not s["connected"])
    finally:
        agent.kill()
