"""Only processes of this instance are stopped: no test run below its folder, and no process for which the folder's name
means another folder.
"""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from operations.leftovers import folder_is_of, leftovers_end, leftovers_find
from operations.paths import REPOSITORY, Paths
from operations.programs import INSTANCE_VARIABLE
from operations.services.postgres import ELSEWHERE
from operations.stack import Stack
from operations.testing.trial import dead_trials_clear

SLEEP = "import time; print('here', flush=True); time.sleep(600)"


@pytest.fixture
def paths(tmp_path):
    paths = Paths(tmp_path / "var")
    paths.create()
    return paths


def test_the_redis_of_a_test_run_is_not_the_instances(services, paths):
    run = Stack(paths.var / "test" / "4711")
    run.redis.start()
    try:
        assert leftovers_find(paths=paths) == []
        assert leftovers_end(paths=paths) == 0
        assert run.redis.check() is None
        assert [each.pid for each in leftovers_find(paths=run.paths)] == [run.redis.pid]
    finally:
        run.redis.stop()


@pytest.mark.parametrize(
    ("folder", "is_ours"),
    [
        ("redis", True),
        ("postgres", True),
        ("postgres/data", True),
        ("postgres/data (deleted)", True),
        ("test/4711/redis", False),
        ("test/4711/postgres/data", False),
        ("redis/deeper", False),
        ("", False),
    ],
)
def test_a_server_is_known_by_its_own_folder_and_no_other(paths, folder, is_ours):
    assert folder_is_of(paths.var / folder, paths=paths) is is_ours


def test_a_cluster_that_had_to_lie_elsewhere_is_known_too(paths):
    assert folder_is_of(ELSEWHERE / paths.instance / "data", paths=paths)
    assert not folder_is_of(ELSEWHERE / "0123456789ab" / "data", paths=paths)


def test_a_process_in_another_mount_namespace_means_another_folder_by_that_name(paths, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = f'mount --bind "{other}" "{paths.var}" && exec "{sys.executable}" -c "{SLEEP}"'
    with subprocess.Popen(
        ["unshare", *mapped, "--mount", "sh", "-c", script],
        env={INSTANCE_VARIABLE: str(paths.var), "PATH": os.defpath},
        stdout=subprocess.PIPE,
    ) as stranger:
        try:
            assert stranger.stdout.readline() == b"here\n"
            assert leftovers_find(paths=paths) == []
            assert psutil.pid_exists(stranger.pid)
        finally:
            stranger.kill()


def test_what_a_killed_start_left_is_found_after_its_folder_was_made_new(paths):
    with subprocess.Popen(
        [sys.executable, "-c", SLEEP], env={INSTANCE_VARIABLE: str(paths.var)}, stdout=subprocess.PIPE
    ) as left:
        assert left.stdout.readline() == b"here\n"
        paths.var.rename(paths.var.with_name("away"))
        paths.create()
        assert [each.pid for each in leftovers_find(paths=paths)] == [left.pid]
        left.kill()


def test_a_run_is_cleared_when_its_process_is_gone_and_not_by_its_number(tmp_path):
    folder = tmp_path / "test"
    # No process here has this number, like that of a run under another root or in a container.
    run = folder / "4194305"
    run.mkdir(parents=True)
    code = f"from pathlib import Path; from operations.testing.trial import trial_lock; trial_lock(Path({str(run)!r})); {SLEEP}"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.defpath},
        cwd=Path("/"),
        stdout=subprocess.PIPE,
    ) as living:
        assert living.stdout.readline() == b"here\n"
        dead_trials_clear(folder)
        assert run.exists()
        living.kill()
        living.wait()
    dead_trials_clear(folder)
    assert list(folder.iterdir()) == []


def test_a_process_that_ends_between_the_look_and_the_signal_is_no_trouble(paths, monkeypatch):
    """PostgreSQL's children end with it, and on a busy machine just at that moment."""
    with subprocess.Popen(
        [sys.executable, "-c", SLEEP], env={INSTANCE_VARIABLE: str(paths.var)}, stdout=subprocess.PIPE
    ) as left:
        assert left.stdout.readline() == b"here\n"
        found = leftovers_find(paths=paths)
        left.kill()
    monkeypatch.setattr("operations.leftovers.leftovers_find", lambda **_: found)
    assert leftovers_end(paths=paths) == 1
