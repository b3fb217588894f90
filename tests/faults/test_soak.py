"""Random faults of every kind, one after another, for a given time: nothing is lost, and the worker does not grow."""

import os
import random
import signal
import threading
import time
from collections import Counter

import psutil
import pytest
from faults.cases import FEW, Case
from faults.oracle import Verdict

pytestmark = [pytest.mark.faults, pytest.mark.long]

#: Duration in minutes.
MINUTES = float(os.environ.get("ROOST_SOAK_MINUTES", "20"))
#: Faults in one round, at random moments of its publishing.
FAULTS_A_ROUND = 2
#: Seconds for which a process is frozen.
FROZEN_S = 2.0
SAMPLE_S = 1.0
#: Ratio of the later half's maximum to the earlier half's that is allowed.
ROOM = 1.25


def broker_killed(rig):
    rig.stack.rabbitmq.kill()
    rig.stack.rabbitmq.start()


def broker_restarted(rig):
    rig.stack.rabbitmq.stop("smart")
    rig.stack.rabbitmq.start()


def database_killed(rig):
    rig.stack.postgres.kill()
    rig.stack.postgres.start()


def database_stopped_at_once(rig):
    rig.stack.postgres.stop("immediate")
    rig.stack.postgres.start()


def database_sessions_ended(rig):
    rig.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roost_worker'")


def cache_killed(rig):
    rig.stack.redis.kill()
    rig.stack.redis.start()


def worker_killed(rig):
    rig.worker.kill()


def worker_frozen(rig):
    frozen = rig.worker.pid
    os.kill(frozen, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    os.kill(frozen, signal.SIGCONT)


def connections_closed(rig):
    with rig.instance.rabbitmq.management() as client:
        for connection in client.get("/api/connections").json():
            client.delete(f"/api/connections/{connection['name']}")


INJECTORS = (
    broker_killed,
    broker_restarted,
    database_killed,
    database_stopped_at_once,
    database_sessions_ended,
    cache_killed,
    worker_killed,
    worker_frozen,
    connections_closed,
)


class Watch(threading.Thread):
    """Memory and descriptors of the worker, in each of its lives, every second."""

    def __init__(self, worker) -> None:
        super().__init__(daemon=True)
        self._worker, self._over = worker, threading.Event()
        self.memory, self.descriptors = [], []

    def run(self):
        while not self._over.wait(SAMPLE_S):
            try:
                process = psutil.Process(self._worker.pid)
                memory, descriptors = process.memory_info().rss, process.num_fds()
            except psutil.Error:
                # It is being restarted.
                continue
            self.memory.append(memory)
            self.descriptors.append(descriptors)

    def end(self):
        self._over.set()
        self.join(10)


def halves(values):
    """The maximum of the earlier half and of the later one."""
    middle = len(values) // 2
    return max(values[:middle]), max(values[middle:])


def test_faults_at_random_lose_nothing_and_the_worker_does_not_grow(rig, grants, verdicts, tmp_path):
    chance, happened = random.Random(f"{rig.seed}/soak"), Counter()
    whole = Verdict(case="soak", seed=rig.seed, number="84")
    worker, begun, rounds = rig.worker_ensure(), time.monotonic(), 0
    watch = Watch(worker)
    watch.start()
    try:
        while time.monotonic() - begun < 60 * MINUTES:
            rounds += 1
            verdict = round_play(rig, grants, tmp_path, chance, happened, rounds)
            for word in ("sent", "confirmed", "repeats", "lost", "doubled", "unexpected", "unaccounted"):
                setattr(whole, word, getattr(whole, word) + getattr(verdict, word))
            whole.recovered_s = max(whole.recovered_s or 0.0, verdict.recovered_s or 0.0)
    finally:
        watch.end()
    whole.seconds = time.monotonic() - begun
    whole.note = f"{rounds} rounds, {happened.total()} faults: " + ", ".join(
        f"{count} times {name.replace('_', ' ')}" for name, count in happened.most_common()
    )
    verdicts.append(whole)
    assert whole.is_clean
    assert whole.confirmed >= rounds * FEW
    earlier, later = halves(watch.memory)
    assert later <= ROOM * earlier, f"{earlier / 1e6:.0f} MB, then {later / 1e6:.0f} MB"
    earlier, later = halves(watch.descriptors)
    assert later <= ROOM * earlier, f"{earlier} descriptors, then {later}"


def round_play(rig, grants, folder, chance, happened, number):
    """Run and judge one round; a verdict that is not clean ends the soak, with the faults that led to it."""
    played = []
    broken = Case(rig, grants, folder, f"soak {number}", FEW, [])
    for _ in broken.moments_of_publishing(FAULTS_A_ROUND):
        injector, begun = chance.choice(INJECTORS), time.monotonic()
        played.append(injector.__name__)
        injector(rig)
        broken.recovers(begun)
    happened.update(played)
    return broken.finish(", ".join(played))
