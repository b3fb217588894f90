"""Roost says within seconds why a program cannot start, in that program's own words."""

import os
import sys
import time

import pytest
from waiting import PATIENCE_S

from operations.errors import OperationsError
from operations.log_ends import last_words
from operations.paths import Paths
from operations.programs import INSTANCE_VARIABLE, Program
from operations.running.endings import Endings
from operations.running.supervisor_daemon import Supervisor, configuration_write
from operations.stack import wait_until

TRACEBACK = "raise SystemExit('the port is taken')"
#: It ends later than a brief failure would; the sleep stands for the work of a start.
SLOW_END = "import time; time.sleep(6); print('FATAL:  the data are of another version')"
ENDS_ONCE = (
    "import pathlib, time; mark = pathlib.Path('was-here')\n"
    "if mark.exists(): time.sleep(600)\n"
    "mark.touch(); raise SystemExit('a hiccup')"
)


@pytest.fixture
def paths(tmp_path):
    paths = Paths(tmp_path / "var")
    paths.create()
    yield paths
    Supervisor(paths).end()


def begin(paths, code):
    program = Program(
        name="starter",
        command=(sys.executable, "-u", "-c", code),
        environment={INSTANCE_VARIABLE: str(paths.var), "PATH": os.defpath},
        directory=paths.var,
        stop_seconds=2,
    )
    configuration_write(paths=paths, programs=[program])
    supervisor = Supervisor(paths)
    endings = Endings(supervisor, paths)
    supervisor.launch(tied_to_us=True)
    supervisor.start([program])
    return supervisor, endings


def wait(paths, look):
    wait_until(look, seconds=2 * PATIENCE_S, what="starter", log=paths.logs / "starter.log")


@pytest.mark.parametrize(
    ("code", "words"), [(TRACEBACK, "the port is taken"), (SLOW_END, "the data are of another version")]
)
def test_a_program_that_ends_at_its_start_is_reported_in_its_own_words(paths, code, words):
    _, endings = begin(paths, code)
    begun = time.monotonic()
    with pytest.raises(OperationsError, match=f"starter exited during startup: “.*{words}”. Its log is "):
        wait(paths, lambda: endings.look() or "does not answer")
    # The error comes before the wait for the program is over.
    assert time.monotonic() - begun < PATIENCE_S


def test_one_hiccup_is_mended_and_not_told(paths):
    supervisor, endings = begin(paths, ENDS_ONCE)
    wait(paths, lambda: endings.look() or (None if is_well(supervisor.states()["starter"]) else "does not answer"))
    assert (paths.var / "was-here").exists()


def is_well(state):
    return state.ended_at and state.is_running


def test_logs_are_readable_by_their_owner_only_also_those_of_before(paths):
    (paths.logs / "earlier.log").touch(mode=0o644)
    supervisor, _ = begin(paths, "import time; print('here'); time.sleep(600)")
    wait(paths, lambda: None if supervisor.states()["starter"].is_running else "is not up")
    logs = list(paths.logs.iterdir())
    assert {log.stem for log in logs} >= {"earlier", "starter", "supervisord"}
    assert {log.stat().st_mode & 0o777 for log in logs} == {0o600}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "2026-11-28 20:47:01.123 UTC [7] @ FATAL:  could not access file “x”\n2026-11-28 20:47:01 UTC [7] @ LOG:  shut down\n",
            "“FATAL:  could not access file “x””",
        ),
        (
            (
                "2026-11-28 20:48:04.614325+00:00 [error] <0.132.0>   - Conf file attempted to set unknown variable: a.b\n"
                "2026-11-28 20:48:05.652795+00:00 [error] <0.130.0>   crasher:\nSIGTERM received - shutting down\n"
            ),
            "“Conf file attempted to set unknown variable: a.b”",
        ),
        (
            "9:M 28 Nov 2026 20:47:56.896 # Fatal: can't open the append-only file\n",
            "“Fatal: can't open the append-only file”",
        ),
        ("Traceback (most recent call last):\nValueError: many\n\n", "“ValueError: many”"),
        ("\n\n", "it logged nothing"),
    ],
)
def test_the_reason_is_quoted_and_not_the_last_words_of_the_log(tmp_path, said, words):
    log = tmp_path / "some.log"
    log.write_text("ERROR: of an earlier start\n")
    before = log.stat().st_size
    with log.open("a") as file:
        file.write(said)
    assert last_words(log, since=before) == words
