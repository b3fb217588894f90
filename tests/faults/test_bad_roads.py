"""Links as stations have them: broken, silent, lossy, slow, stalling; nothing is lost and no agent busy-loops."""

import contextlib
import socket
import time
from pathlib import Path

import psutil
import pytest
from faults.data_folder import DataFolder
from faults.fleet_of_links import Linked, Links, judge_links
from faults.oracle import Verdict
from faults.road import Road
from faults.test_agent_and_relay_killed import _judge, agent, heard_in_database
from waiting import until

from station_agent.config import LinkSettings

pytestmark = pytest.mark.faults

#: A second-generation mobile link, in seconds and bytes a second.
SLOW_RTT, SLOW_RATE = 0.6, 2_500.0


@pytest.fixture
def road(rig):
    """A proxy in front of the TLS port of the rig's broker."""
    made = Road(rig.instance.ports["amqps"])
    yield made
    made.stop()


@pytest.fixture
def station(rig, road):
    """A station behind the proxy, in this process."""
    (grant,) = rig.stations(f"SG-BADARPI4{road.port:05d}")
    return Linked(grant, rig.seed, port=road.port)


def seconds_of(process):
    times = process.cpu_times()
    return times.user + times.system


@pytest.mark.parametrize("seconds", [6, pytest.param(600, marks=pytest.mark.long)])
def test_an_agent_on_a_link_that_does_everything_wrong_neither_loses_nor_spins(rig, road, verdicts, tmp_path, seconds):
    rig.worker_ensure()
    (grant,) = rig.stations(f"SG-B{seconds:03d}RPI40001")
    verdict, begun = Verdict(case="bad link, real agent", number="14", seed=rig.seed), time.monotonic()
    lines = 600 if seconds < 60 else 20_000
    folder = DataFolder(
        tmp_path / "agent" / "SGdata", grant["serial"], lines, f"{rig.seed}", lines // (4 * seconds) + 1
    )
    link = {"retry_first": 0.5, "retry_most": 4.0, "heartbeat": 5, "confirm_deadline": 5.0}
    running = agent(rig, grant | {"port": road.port}, tmp_path / "agent", link=link)
    try:
        folder.start()
        until(lambda: road.connected_at, "the agent's first connection")
        process = psutil.Process(running.pid)
        used, since = seconds_of(process), time.monotonic()
        for _ in range(3):
            time.sleep(seconds / 6)
            road.cut()
        road.silent = True
        time.sleep(seconds)
        road.silent, road.slice = False, 1
        time.sleep(seconds)
        road.slice, road.open_for = 65_536, 1.0
        time.sleep(seconds)
        road.open_for, road.closed = 10.0, True
        road.cut()
        refused = len(road.connected_at)
        time.sleep(seconds)
        refused = len(road.connected_at) - refused
        road.closed = False
        healed = time.monotonic()
        folder.join(seconds * 4)
        everything = len(folder.heard) + len(folder.fixes)
        until(
            lambda: len(heard_in_database(rig, grant["serial"])) + len(folder.fixes) >= everything,
            "every line in the database",
            every=0.5,
        )
        verdict.recovered_s = time.monotonic() - healed
        share = (seconds_of(process) - used) / (time.monotonic() - since)
        rig.quiesce()
    finally:
        running.stop()
    _judge(rig, grant["serial"], folder, verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"Three resets, then {seconds} s each half-open, one byte at a time, open a tenth of the time, and refused; "
        f"{len(road.connected_at)} connections in all, {refused} of them refused; {share:.1%} of one core. "
        "Numbers are lines of the station's files."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    # Each of the two links waits at least half of the first pause before a new attempt, and soon much longer.
    assert refused <= 2 * (seconds / 0.25 if seconds < 10 else seconds / 1.0)
    assert share < 0.25, "the agent uses too much processor time"
    assert running.starts == 1


@pytest.mark.parametrize("count", [40, pytest.param(400, marks=pytest.mark.long)])
def test_a_backlog_drains_over_a_slow_mobile_link(rig, road, station, verdicts, count):
    rig.worker_ensure()
    verdict, begun = Verdict(case="slow mobile link", number="15", seed=rig.seed), time.monotonic()
    road.delay_s, road.rate = SLOW_RTT / 2, SLOW_RATE
    station.put(count)
    payload, resets = station.feed.waiting_bytes, max(count // 80, 1)
    with Links(station):
        until(lambda: station.feed.confirmed_count > 0, "the first confirm")
        first, sent = time.monotonic(), road.sent
        left = station.feed.waiting_bytes
        for number in range(1, resets + 1):
            until(
                lambda n=number: station.feed.confirmed_count >= count * n / (resets + 1), "more confirms", seconds=400
            )
            road.cut()
        until(lambda: station.is_done, "the last confirm", seconds=600)
        took, carried = time.monotonic() - first, road.sent - sent
        judge_links(rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"{SLOW_RTT * 1000:.0f} ms round trip, {SLOW_RATE * 8 / 1000:.0f} kbit/s, {resets} resets: {payload:,} bytes "
        f"of bodies at {left / took / SLOW_RATE:.0%} of the link's rate, {carried / left:.2f} bytes sent for each of them."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    # A reset repeats a window of messages. A short run has as many resets, so its bound is wider.
    assert carried / left <= 2.5


@pytest.mark.parametrize("one_way", [3.0, pytest.param(6.0, marks=pytest.mark.long)])
def test_a_handshake_that_takes_many_seconds_succeeds_at_the_first_try(rig, road, station, verdicts, one_way):
    rig.worker_ensure()
    verdict, begun = Verdict(case="slow TLS handshake", number="16", seed=rig.seed), time.monotonic()
    road.delay_s = one_way
    station.put(5)
    with Links(station):
        until(lambda: station.is_connected, "a connection")
        verdict.recovered_s = time.monotonic() - begun
        road.delay_s = 0.0
        until(lambda: station.is_done, "every confirm")
        judge_links(rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"{one_way * 2:.0f} s round trip: TLS and AMQP connect within the time allowed, at the first attempt."
    )
    verdicts.append(verdict)
    assert len(road.connected_at) == 1
    assert verdict.is_clean, verdict.row()


def test_the_name_of_the_server_is_gone_and_comes_back_with_another_address(rig, verdicts, monkeypatch):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-D19ARPI40001")
    verdict, begun = Verdict(case="name gone, address changed", number="19", seed=rig.seed), time.monotonic()
    first = Road(rig.instance.ports["amqps"])
    second = Road(rig.instance.ports["amqps"], port=first.port, host="127.0.0.2")
    really, answer = socket.getaddrinfo, ["127.0.0.1"]

    def resolve(host, *arguments, **named):
        if host == "localhost":
            if not answer:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = answer[0]
        return really(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    station = Linked(grant, rig.seed, host="localhost", port=first.port)
    try:
        with Links(station):
            station.put(10)
            until(lambda: station.is_done, "confirms at the first address")
            answer.clear()
            first.closed = True
            first.cut()
            until(lambda: "cannot be resolved" in station.view.reason, "the agent's word on the name")
            station.put(10)
            time.sleep(2.0)
            repaired = time.monotonic()
            answer.append("127.0.0.2")
            until(lambda: station.is_done, "confirms at the second address")
            verdict.recovered_s = time.monotonic() - repaired
            judge_links(rig, [station], verdict)
    finally:
        first.stop()
        second.stop()
    verdict.seconds = time.monotonic() - begun
    verdict.note = "The server's name cannot be resolved for a while, then it resolves to another address."
    verdicts.append(verdict)
    assert second.connected_at
    assert verdict.is_clean, verdict.row()


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.long)])
def test_a_whole_fleet_comes_back_after_the_broker_was_killed(rig, verdicts, count):
    rig.worker_ensure()
    grants = rig.stations(*(f"SG-{count:03d}{number:04X}RPI4" for number in range(count)))
    stations = [Linked(grant, rig.seed, settings=LinkSettings()) for grant in grants]
    verdict, begun = Verdict(case=f"{count} stations come back", number="17", seed=rig.seed), time.monotonic()
    with Links(*stations, spread_s=count / 50):
        until(lambda: all(station.is_connected for station in stations), "the whole fleet", every=0.2)
        for station in stations:
            station.put(5)
        killed, overflows = time.monotonic(), overflowed()
        rig.stack.rabbitmq.kill()
        for station in stations:
            station.put(5)
        rig.stack.rabbitmq.start()
        up = time.monotonic()
        until(lambda: all(s.is_connected and s.is_done for s in stations), "the whole fleet again", every=0.1)
        verdict.recovered_s = time.monotonic() - killed
        after = time.monotonic() - up
        judge_links(rig, stations, verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"{count} stations are connected over TLS when the broker is killed; all were back {after:.1f} s after it answered again, "
        f"and {overflowed() - overflows} connections overflowed the listener's queue."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()


def overflowed():
    """Number of connections on this machine that found a listener's queue full."""
    with contextlib.suppress(OSError, ValueError), Path("/proc/net/netstat").open() as file:
        names, values = [line.split() for line in file if line.startswith("TcpExt:")]
        return int(values[names.index("ListenOverflows")])
    return 0
