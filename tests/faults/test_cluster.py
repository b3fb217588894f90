"""Three brokers in a cluster: nodes that die, hang, restart and lose contact with each other."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from faults.cases import FEW, Case
from faults.cluster import NUMBERS, nodes_of
from faults.fleet_of_links import Linked, Links, judge_links
from faults.oracle import Verdict
from waiting import until

pytestmark = pytest.mark.faults

LED = "inbound.telemetry"
HANG_S, APART_S = 10.0, 20.0
REVOKED = "refuses this station's login"


@pytest.fixture(params=[FEW, pytest.param(60_000, marks=pytest.mark.long)])
def messages(request) -> int:
    """Number of messages in a case."""
    return request.param


@pytest.fixture
def case(cluster_rig, cluster_grants, verdicts, tmp_path) -> Callable[..., Case]:
    """Start a case on the cluster, which must be complete whatever the previous case left behind."""

    def begin(name: str, messages: int = FEW, hold_at: float = 1.0, number: str = "") -> Case:
        cluster_rig.stack.cluster.start()
        cluster_rig.worker_ensure()
        until(lambda: len(cluster_rig._queue(LED).get("online", [])) == len(NUMBERS), "three members of the queue")
        return Case(cluster_rig, cluster_grants, tmp_path, name, messages, verdicts, hold_at, number)

    return begin


class Gaps(threading.Thread):
    """Watches the confirms of a case; `longest` is the longest time without any while some were missing."""

    def __init__(self, case: Case) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self._publishing = case.publishing
        self.start()

    def run(self) -> None:
        """Watch until everything is confirmed."""
        seen, since = self._publishing.confirmed, time.monotonic()
        while seen < self._publishing.total and self._publishing.is_alive():
            time.sleep(0.02)
            if (now := self._publishing.confirmed) != seen:
                seen, since = now, time.monotonic()
            self.longest = max(self.longest, time.monotonic() - since)


@contextmanager
def trickle(broken, seconds):
    """Publish the rest over this many seconds, so that messages are under way whenever the fault occurs."""
    ending, step = threading.Event(), 0.05
    portion = max(int(max(s.total - s.limit for s in broken.publishing.senders) * step / seconds), 1)

    def go():
        while not ending.wait(step):
            for sender in broken.publishing.senders:
                sender.limit = min(sender.limit + portion, sender.total)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        broken.publishing.release()


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_one_of_three_brokers_is_killed_and_comes_back(cluster_rig, case, messages, who):
    broken = case(f"{who} of three killed", number={"leader": "3", "follower": "4"}[who], messages=messages)
    gaps = Gaps(broken)
    for _ in broken.moments_of_publishing(1, 0.1, 0.4):
        leader, followers = nodes_of(cluster_rig, LED)
        victim = leader if who == "leader" else broken.random.choice(followers)
        begun = time.monotonic()
        cluster_rig.stack.cluster.running[victim].kill()
        broken.recovers(begun)
        cluster_rig.stack.cluster.start()
    verdict = broken.finish("")
    verdict.note = f"`kill -9` of the queue's {who}; the longest time without a confirm was {gaps.longest:.1f} s."
    assert cluster_rig.stack.cluster.running[victim].pid


def test_the_leading_broker_hangs(cluster_rig, case, messages):
    broken = case("leader of three hangs", number="5", messages=messages, hold_at=0.2)
    gaps = Gaps(broken)
    for _ in broken.moments_of_publishing(1, 0.05, 0.15):
        leader, _ = nodes_of(cluster_rig, LED)
        pid = cluster_rig.stack.cluster.running[leader].pid
        with trickle(broken, 2 * HANG_S):
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(HANG_S)
            finally:
                os.kill(pid, signal.SIGCONT)
            broken.recovers()
    verdict = broken.finish("")
    verdict.note = f"SIGSTOP of the queue's leader for {HANG_S:.0f} s; there was no confirm for {gaps.longest:.1f} s."


def test_all_three_brokers_are_killed(cluster_rig, case, messages):
    broken = case("three of three killed", number="6", messages=messages)
    for _ in broken.moments_of_publishing(1, 0.1, 0.6):
        begun = time.monotonic()
        cluster_rig.stack.cluster.kill()
        cluster_rig.stack.cluster.start()
        broken.recovers(begun)
    verdict = broken.finish("`kill -9` of all three brokers at once; they start together.")
    assert verdict.recovered_s < 60


@pytest.mark.long
def test_the_leader_loses_sight_of_the_others(cluster_rig, case):
    broken = case("partition, minority pauses", number="7", messages=60_000, hold_at=0.1)
    gaps = Gaps(broken)
    for _ in broken.moments_of_publishing(1, 0.02, 0.08):
        leader, _ = nodes_of(cluster_rig, LED)
        with trickle(broken, 4 * APART_S):
            cluster_rig.stack.cluster.partition(leader)
            time.sleep(APART_S)
            begun = time.monotonic()
            cluster_rig.stack.cluster.heal(leader)
            broken.recovers(begun)
            cluster_rig.stack.cluster.wait()
    verdict = broken.finish("")
    verdict.note = (
        f"The queue's leader is cut off for {APART_S:.0f} s under `pause_minority`; "
        f"there was no confirm for {gaps.longest:.1f} s, and the cluster healed by itself."
    )


@pytest.mark.long
def test_a_partition_that_nobody_handles(cluster_rig, case):
    broken = case("partition, ignored", number="8", messages=60_000, hold_at=0.1)
    cluster = cluster_rig.stack.cluster

    def handling(word):
        for number in NUMBERS:
            cluster.control(number, "eval", f"application:set_env(rabbit, cluster_partition_handling, {word}).")

    def flagged():
        with cluster_rig.instance.rabbitmq.management() as client:
            return any(node.get("partitions") for node in client.get("/api/nodes").json())

    handling("ignore")
    try:
        for _ in broken.moments_of_publishing(1, 0.02, 0.08):
            leader, _ = nodes_of(cluster_rig, LED)
            with trickle(broken, 6 * APART_S):
                cluster.partition(leader)
                time.sleep(APART_S)
                cluster.heal(leader)
                until(flagged, "the broker's word that it was parted")
                begun = time.monotonic()
                # Its documentation asks the operator to do this.
                cluster.running[leader].stop("smart")
                cluster.start()
                broken.recovers(begun)
                until(lambda: not flagged(), "a cluster in one piece")
    finally:
        handling("pause_minority")
    broken.finish(
        "The leader is cut off for 20 s under `ignore`; its flag stays until the operator restarts that node."
    )


@pytest.mark.long
def test_the_brokers_are_restarted_one_after_the_other(cluster_rig, case):
    broken = case("rolling restart", number="9", messages=60_000, hold_at=0.1)
    gaps = Gaps(broken)
    for _ in broken.moments_of_publishing(1, 0.02, 0.08):
        with trickle(broken, 6 * APART_S):
            for number in NUMBERS:
                begun = time.monotonic()
                cluster_rig.stack.cluster.running[number].stop("smart")
                cluster_rig.stack.cluster.running[number].start()
                broken.recovers(begun)
                until(lambda: len(cluster_rig._queue(LED)["online"]) == len(NUMBERS), "three members again")
    verdict = broken.finish("")
    verdict.note = (
        f"The brokers are restarted one after another; the longest time without a confirm was {gaps.longest:.1f} s."
    )


@pytest.mark.long
def test_a_station_that_is_revoked_during_a_partition_stays_out(cluster_rig, verdicts):
    cluster = cluster_rig.stack.cluster
    cluster.start()
    cluster_rig.worker_ensure()
    (grant,) = cluster_rig.stations("SG-70CRRPI40070")
    verdict, begun = Verdict(case="revoked during a partition", number="70", seed=cluster_rig.seed), time.monotonic()
    _, (apart, _) = nodes_of(cluster_rig, LED)
    # It knows only the broker that will be cut off.
    station = Linked(grant, cluster_rig.seed, port=cluster.nodes[apart].ports["amqps"])
    with Links(station):
        station.put(20)
        until(lambda: station.is_done, "its confirms")
        cluster.partition(apart)
        until(lambda: not station.is_connected, "the end of its connection to a broker that is alone")
        cluster_rig.revoke(grant["serial"])
        station.put(20)
        cluster.heal(apart)
        healed = time.monotonic()
        until(lambda: REVOKED in station.view.reason, "the agent's word that it was revoked", every=0.05)
        verdict.recovered_s = time.monotonic() - healed
        time.sleep(2.0)
        assert not station.is_connected
    cluster.wait()
    judge_links(cluster_rig, [station], verdict)
    verdict.seconds = time.monotonic() - begun
    verdict.note = (
        "Its broker is cut off and pauses while the others forget its login; the time is from the end of the partition "
        "until that broker refuses it."
    )
    verdicts.append(verdict)
    assert (verdict.confirmed, station.feed.waiting) == (20, 20)
    assert verdict.is_clean, verdict.row()
