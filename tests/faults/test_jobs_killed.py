"""Task workers, the relay's broker and the clock are killed or doubled: every job is done, and none blocks the others."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from faults.job_worker import TABLES
from faults.oracle import Verdict
from faults.processes import Supervised
from faults.rig import HERE, REPOSITORY
from waiting import until

from message_queue.routing import JOBS_VHOST
from message_queue.topology import DEAD_JOB_QUEUE, DELIVERY_LIMIT, TASK_QUEUE

pytestmark = pytest.mark.faults

JOBS = 300
_episodes = itertools.count(1)


class Jobs:
    """One case: jobs through the outbox, the relay and the task worker."""

    def __init__(self, rig, worker, verdict, note) -> None:
        self.rig, self.worker, self.verdict = rig, worker, verdict
        self.episode = f"{verdict.case} {next(_episodes)}"
        self.verdict.note = note
        self.begun = time.monotonic()

    def ask(self, count, *, task="faults.work", **arguments):
        """Write rows into the outbox as any service does."""
        self.rig.query(
            "INSERT INTO core_outboxmessage (target, routing_key, body, message_id, created_at, attempts, due_at, last_error) "
            "SELECT 'job', %s, %s::jsonb || CASE WHEN %s > 1 THEN jsonb_build_object('number', n) ELSE '{}' END, '', "
            "now(), 0, now(), '' FROM generate_series(1, %s) n RETURNING id",
            task,
            json.dumps({"episode": self.episode, **arguments}),
            count,
            count,
        )
        self.rig.query("SELECT pg_notify('roost_outbox', '')")
        if count > 1:
            self.verdict.sent = self.verdict.confirmed = count

    def done(self):
        return self._count("fault_effect")

    def runs(self):
        return self._count("fault_run")

    def _count(self, table):
        return self.rig.query(f"SELECT count(*) FROM {table} WHERE episode = %s AND number > 0", self.episode)[0][0]

    def pids(self, since):
        found = self.rig.query(
            "SELECT DISTINCT pid FROM fault_run WHERE episode = %s AND at > now() - make_interval(secs => %s)",
            self.episode,
            time.monotonic() - since,
        )
        return {pid for (pid,) in found}

    def kill_at(self, share, how):
        """When this share is done, break something; record the time until the next job is done."""
        until(lambda: self.done() >= share * self.verdict.sent, f"{share:.0%} of the jobs", every=0.02)
        begun = time.monotonic()
        how()
        stood = self.done()
        until(lambda: self.done() > stood, "the next job", every=0.05)
        self.verdict.recovered_s = max(self.verdict.recovered_s or 0.0, time.monotonic() - begun)

    def finish(self):
        until(lambda: self.done() >= self.verdict.sent, "every job", every=0.2)
        numbers = self.rig.query("SELECT number FROM fault_effect WHERE episode = %s", self.episode)
        there = {number for (number,) in numbers}
        verdict = self.verdict
        verdict.lost = len(set(range(1, verdict.sent + 1)) - there)
        verdict.doubled, verdict.unexpected = len(numbers) - len(there), len(there - set(range(1, verdict.sent + 1)))
        verdict.repeats, verdict.seconds = self.runs() - len(there), time.monotonic() - self.begun
        assert verdict.is_clean, verdict.row()
        return verdict


@pytest.fixture(scope="module")
def task_worker(rig):
    """The relay and a task worker with two children, with the jobs of `faults.job_worker`."""
    for statement in TABLES:
        rig.execute(f"SET ROLE roost; {statement}")
    logs, words = rig.stack.paths.logs, ["--without-gossip", "--without-mingle", "-P", "prefork", "-c", "2"]
    celery = [sys.executable, "-m", "celery", "-A", "faults.job_worker", "--skip-checks"]
    started = [
        Supervised("relay", [sys.executable, "-m", "workers.relay"], rig.environment, logs).start(),
        Supervised(
            "tasks", [*celery, "worker", *words, "-n", "tasks@rig", "-Q", TASK_QUEUE], rig.environment, logs
        ).start(),
    ]
    yield started[1]
    for process in started:
        process.stop()


@pytest.fixture
def jobs(rig, task_worker, verdicts):
    """Start a case of jobs."""

    def begin(number, name, note):
        verdict = Verdict(case=name, number=number, seed=rig.seed)
        verdicts.append(verdict)
        return Jobs(rig, task_worker, verdict, note)

    return begin


def children(worker):
    return [child.pid for child in psutil.Process(worker.pid).children()]


def kill_group(worker):
    os.killpg(worker.pid, signal.SIGKILL)


def kill_child(worker):
    until(lambda: children(worker), "a child to kill")
    os.kill(children(worker)[0], signal.SIGKILL)


def waiting(rig, queue):
    with rig.instance.rabbitmq.management() as client:
        return client.get(f"/api/queues/{JOBS_VHOST}/{queue}").json().get("messages", 0)


def test_a_group_of_task_workers_is_killed_with_its_jobs_in_hand(jobs):
    broken = jobs("22", "task workers killed", "`kill -9` of the task worker with its children; numbers are jobs.")
    broken.ask(JOBS)
    broken.kill_at(0.3, lambda: kill_group(broken.worker))
    broken.finish()


def test_children_of_the_task_worker_are_killed(jobs):
    broken = jobs("23", "children of the task worker killed", "`kill -9` of one child, five times; numbers are jobs.")
    broken.ask(JOBS)
    for share in (0.1, 0.25, 0.4, 0.55, 0.7):
        broken.kill_at(share, lambda: kill_child(broken.worker))
    broken.finish()


@pytest.mark.parametrize("limit", [4, pytest.param(DELIVERY_LIMIT, marks=pytest.mark.long)])
def test_a_job_that_kills_its_process_is_set_aside_and_holds_up_nobody(rig, jobs, limit):
    broken = jobs(
        "24",
        "a job that kills its worker",
        f"Set aside after {limit} deliveries; the jobs sent with it are done. Numbers are those jobs.",
    )
    dead = waiting(rig, DEAD_JOB_QUEUE)
    with rig.changed_policy("jobs", {"delivery-limit": limit}, JOBS_VHOST):
        broken.ask(1, task="faults.poison")
        broken.ask(100)
        until(lambda: waiting(rig, DEAD_JOB_QUEUE) == dead + 1, "the job in the queue of the dead", every=0.5)
        broken.verdict.recovered_s = time.monotonic() - broken.begun
        broken.finish()
    killed = rig.query("SELECT count(*) FROM fault_run WHERE episode = %s AND number = -1", broken.episode)[0][0]
    # The broker counts deliveries, which may differ a little from the runs that began.
    assert limit <= killed <= limit + 2


def test_connections_are_closed_under_busy_workers(rig, jobs):
    broken = jobs(
        "26",
        "connections of task workers closed",
        "The broker closes every connection; both children of the worker work again. Numbers are jobs.",
    )
    # The tool that closes them takes seconds to start: there has to be work left when it does.
    broken.ask(JOBS, seconds=0.2)
    broken.kill_at(0.3, lambda: rig.control("close_all_connections", "the rig closes it"))
    since = time.monotonic()
    until(lambda: len(broken.pids(since)) == 2, "work of both children", every=0.05)
    broken.finish()


def test_two_clocks_at_once_have_each_job_done_once(rig, jobs, tmp_path):
    """Two beats send every periodic job twice; the database lets only one of them do it."""
    broken = jobs(
        "39",
        "two clocks",
        "Two beats send every periodic job twice, and one of them is killed. Numbers are commands that had to expire, once each.",
    )
    expired = "SELECT count(*) FROM commands_commandstep WHERE state = 'expired'"
    beats = [
        Supervised(
            f"beat-{number}",
            [
                sys.executable,
                "-m",
                "celery",
                "-A",
                "faults.quick_clock",
                "beat",
                "-s",
                str(tmp_path / str(number)),
                "--pidfile=",
            ],
            rig.environment,
            tmp_path,
        ).start()
        for number in (1, 2)
    ]
    try:
        (grant,) = rig.stations("SG-BEATRPI40001")
        issue = [sys.executable, str(HERE / "issue_commands.py"), grant["serial"], *["ping"] * 20]
        subprocess.run(issue, env=rig.environment, cwd=REPOSITORY, check=True)
        # Lock the commands in the order that all code uses, because the relay is marking them meanwhile.
        rig.execute(
            "UPDATE commands_command SET expires_at = now() + interval '2 seconds' WHERE id IN "
            "(SELECT id FROM commands_command WHERE state IN ('queued', 'sent') ORDER BY id FOR UPDATE)"
        )
        until(lambda: beats[0].starts and beats[1].starts, "both clocks")
        time.sleep(3.0)
        beats[0].kill()
        until(lambda: rig.query(expired)[0][0] >= 20, "the expiry of every command", every=0.2)
        time.sleep(3.0)
    finally:
        for beat in beats:
            beat.stop()
    broken.verdict.sent = broken.verdict.confirmed = 20
    broken.verdict.doubled = rig.query(expired)[0][0] - 20
    broken.verdict.seconds = time.monotonic() - broken.begun
    assert broken.verdict.is_clean, broken.verdict.row()
