"""Attacks by one login, or without one: a flood, sockets that stay silent, a station that was revoked."""

import contextlib
import socket
import statistics
import threading
import time

import pytest
from faults.cases import Case
from faults.fleet_of_links import Linked, Links, judge_links
from faults.oracle import Verdict
from waiting import until

pytestmark = pytest.mark.faults

SOCKETS = 2_000
REVOKED = "refuses this station's login"


def stored(rig, station):
    found = rig.query("SELECT messages FROM telemetry_streamledger WHERE stream = %s", station.feed.stream)
    return found[0][0] if found else 0


def probe(rig, station):
    """Send one message of a neighbour; return the seconds until the broker has it, and until the database has it."""
    begun, before = time.monotonic(), stored(rig, station)
    station.put()
    until(lambda: station.is_done, "the neighbour's confirm", every=0.005)
    confirmed = time.monotonic() - begun
    until(lambda: stored(rig, station) > before, "the neighbour's message in the database", every=0.005)
    return confirmed, time.monotonic() - begun


def probes(rig, station, number):
    """Times of this many messages of a calm neighbour, after five that do not count while the worker starts."""
    return [probe(rig, station) for _ in range(number + 5)][5:]


def worst(values):
    return f"{statistics.quantiles(values, n=100)[98] * 1000:.0f} ms"


@pytest.mark.parametrize("messages", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
def test_a_flood_of_one_station_costs_its_neighbour_no_message(rig, verdicts, tmp_path, messages):
    rig.worker_ensure()
    flooder, calm = rig.stations(f"SG-F68ARPI4{messages // 1000:04d}", f"SG-F68BRPI4{messages // 1000:04d}")
    neighbour = Linked(calm, rig.seed)
    begun = time.monotonic()
    with Links(neighbour):
        until(lambda: neighbour.is_connected, "the neighbour's connection")
        before = probes(rig, neighbour, 20)
        flood = Case(rig, [flooder], tmp_path, "flood of one station", messages, verdicts, number="68")
        during = []
        while len(during) < 20 or (flood.publishing.is_alive() and len(during) < 2_000):
            during.append(probe(rig, neighbour))
        verdict = flood.finish("")
        verdict.recovered_s = None
        judge_links(rig, [neighbour], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"One station sends {messages:,} messages as fast as it can. A neighbour's p99 to the broker's confirm is "
        f"{worst([c for c, _ in before])} before and {worst([c for c, _ in during])} during, to the database "
        f"{worst([d for _, d in before])} and {worst([d for _, d in during])}."
    )
    assert verdict.is_clean, verdict.row()


def test_sockets_that_never_say_anything_keep_nobody_out(rig, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-510ARPI40069")
    verdict, begun = Verdict(case="2,000 silent sockets", number="69", seed=rig.seed), time.monotonic()
    station = Linked(grant, rig.seed)
    station.put(20)
    with contextlib.ExitStack() as silent:
        for _ in range(SOCKETS):
            silent.enter_context(socket.create_connection(("127.0.0.1", grant["port"]), timeout=10))
        most, wanted = handles(rig)
        opened = time.monotonic()
        with Links(station):
            until(lambda: station.is_connected, "a station's connection beside silent sockets", every=0.01)
            verdict.recovered_s = time.monotonic() - opened
            until(lambda: station.is_done, "its confirms")
            judge_links(rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        f"{SOCKETS:,} sockets to the TLS port stay silent; a station can still connect. "
        f"The broker holds {wanted:,} of {most:,} sockets and files."
    )
    verdicts.append(verdict)
    assert verdict.is_clean, verdict.row()
    assert wanted < most


def handles(rig):
    """Number of files and sockets that the broker may open, and number that it has open."""
    with rig.instance.rabbitmq.management() as client:
        (node,) = client.get("/api/nodes").json()
    return node["fd_total"], node["fd_used"]


def test_a_station_is_revoked_while_it_publishes(rig, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-70ARRPI40070")
    verdict, begun = Verdict(case="revoked while publishing", number="70", seed=rig.seed), time.monotonic()
    station = Linked(grant, rig.seed)
    with Links(station):
        until(lambda: station.is_connected, "its connection")
        revoking = threading.Thread(target=rig.revoke, args=(grant["serial"],))
        revoking.start()

        def goes_on():
            station.put(5)
            return REVOKED in station.view.reason

        until(goes_on, "the agent's word that it was revoked", every=0.05)
        revoking.join()
        confirmed = station.feed.confirmed_count
        time.sleep(2.0)
        assert station.feed.confirmed_count == confirmed
        assert not station.is_connected
    judge_links(rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = "The station's connection ends, it is told why, and it keeps what it could not send."
    verdicts.append(verdict)
    assert station.feed.waiting >= 5
    assert verdict.confirmed >= 5
    assert verdict.is_clean, verdict.row()


def test_a_station_that_was_revoked_while_away_does_not_come_back(rig, verdicts):
    rig.worker_ensure()
    (grant,) = rig.stations("SG-70BRRPI40070")
    verdict, begun = Verdict(case="revoked while away", number="70", seed=rig.seed), time.monotonic()
    station = Linked(grant, rig.seed)
    station.put(20)
    rig.revoke(grant["serial"])
    with Links(station):
        until(lambda: REVOKED in station.view.reason, "the agent's word that it was revoked", every=0.01)
        time.sleep(2.0)
        assert not station.is_connected
    judge_links(rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = "The station returns with messages after it was revoked; none is accepted, and it keeps them."
    verdicts.append(verdict)
    assert (station.feed.waiting, stored(rig, station)) == (20, 0)
    assert verdict.is_clean, verdict.row()
