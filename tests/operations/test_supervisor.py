"""supervisord restarts what dies, passes odd values on, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest
from waiting import PATIENCE_S, until

from operations.errors import OperationsError
from operations.leftovers import leftovers_end, leftovers_find
from operations.paths import REPOSITORY, Paths
from operations.programs import INSTANCE_VARIABLE, Program
from operations.running.supervisor_daemon import Supervisor, configuration_write

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def paths(tmp_path):
    paths = Paths(tmp_path / "a folder with 100% odd name")
    paths.create()
    yield paths
    Supervisor(paths).end()


def program(paths, name, code, **environment: str):
    return Program(
        name=name,
        command=(sys.executable, "-c", code),
        environment={INSTANCE_VARIABLE: str(paths.var), "PATH": os.defpath, **environment},
        directory=paths.var,
        stop_seconds=2,
    )


def begin(paths, *programs: Program):
    configuration_write(paths=paths, programs=programs)
    supervisor = Supervisor(paths)
    process = supervisor.launch(tied_to_us=True)
    supervisor.start(programs)
    return supervisor, process


def test_what_is_killed_is_started_again(paths):
    supervisor, _ = begin(paths, program(paths, "sleeper", SLEEP))
    first = until(lambda: supervisor.states()["sleeper"].pid)
    until(lambda: supervisor.states()["sleeper"].is_running)
    os.kill(first, signal.SIGKILL)
    assert until(lambda: supervisor.states()["sleeper"].pid not in (0, first))


def test_values_arrive_as_they_are(paths):
    code = "import json, os; open('seen', 'w').write(json.dumps(dict(os.environ)))\n" + SLEEP
    value = "per%cent, comma; semicolon#hash 'single' \\ %(ENV_HOME)s ü"
    begin(paths, program(paths, "teller", code, ODD=value))
    seen = paths.var / "seen"
    until(lambda: seen.exists() and seen.read_text())
    assert json.loads(seen.read_text())["ODD"] == value


@pytest.mark.parametrize("value", ['with "quotes"', "two\nlines", "a ;comment", "a #comment"])
def test_a_value_that_would_arrive_changed_is_refused_by_name(paths, value):
    with pytest.raises(OperationsError, match="The setting ODD has"):
        configuration_write(paths=paths, programs=[program(paths, "teller", SLEEP, ODD=value)])


def test_the_configuration_is_readable_by_its_owner_only(paths):
    configuration_write(paths=paths, programs=[program(paths, "sleeper", SLEEP)])
    assert (paths.run / "supervisord.conf").stat().st_mode & 0o777 == 0o600


def test_the_end_leaves_nothing_not_even_what_ignores_it(paths):
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
    family = "import subprocess, sys; subprocess.run([sys.executable, '-c', " + repr(SLEEP) + "])"
    supervisor, process = begin(
        paths, program(paths, "sleeper", SLEEP), program(paths, "stubborn", stubborn), program(paths, "family", family)
    )
    until(lambda: all(state.is_running for state in supervisor.states().values()))
    supervisor.end()
    process.wait(PATIENCE_S)
    assert leftovers_find(paths=paths) == []


def test_when_the_starter_is_killed_everything_ends(paths, tmp_path):
    configuration_write(paths=paths, programs=[program(paths, "sleeper", SLEEP)])
    starter = tmp_path / "starter.py"
    starter.write_text(
        textwrap.dedent(f"""
        import time
        from pathlib import Path
        from operations.paths import REPOSITORY, Paths
        from operations.running.supervisor_daemon import Supervisor
        Supervisor(Paths(Path({str(paths.var)!r}))).launch(tied_to_us=True)
        print("up", flush=True)
        time.sleep(600)
        """)
    )
    with subprocess.Popen(
        [sys.executable, starter], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ) as process:
        assert process.stdout.readline() == b"up\n"
        assert leftovers_find(paths=paths)
        process.kill()
    until(lambda: not leftovers_find(paths=paths))


def test_what_a_killed_supervisor_left_is_found_and_ended(paths):
    supervisor, process = begin(paths, program(paths, "sleeper", SLEEP))
    until(lambda: supervisor.states()["sleeper"].is_running)
    process.kill()
    process.wait()
    assert [each.pid for each in leftovers_find(paths=paths)]
    assert leftovers_end(paths=paths) == 1
    assert leftovers_find(paths=paths) == []


def test_processes_of_another_instance_are_not_touched(paths, tmp_path):
    other = Paths(tmp_path / "other")
    with subprocess.Popen(
        [sys.executable, "-c", SLEEP], env={INSTANCE_VARIABLE: str(other.var)}, cwd=paths.var
    ) as stranger:
        until(lambda: leftovers_find(paths=other))
        assert leftovers_end(paths=paths) == 0
        assert psutil.pid_exists(stranger.pid)
        assert leftovers_end(paths=other) == 1
