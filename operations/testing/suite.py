"""The tests of `./roost test`: one whole run, then each failed test once more, alone.

failed in the whole run ──alone──▶ passes: listed as `unsteady`, and the run may pass
                        ──alone──▶ fails again: the run fails
                        ──watches for lost data──▶ never run again: lost data stays lost
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.paths import REPOSITORY
from operations.testing.pytest_account import NOTES_VARIABLE, ONLY_VARIABLE, REPORT_VARIABLE

#: pytest's exit codes for failed tests and for bad arguments, and the exit code of Roost's commands in that case.
PYTEST_FAILED, PYTEST_WRONG_USE, WRONG_USE = 1, 4, 2
#: One more than cores: the fault tests mostly wait for killed services to come back.
WORKERS = (os.cpu_count() or 2) + 1
#: With more failures than this, something is broken, and no test is repeated.
RERUN_AT_MOST = 10
#: Seconds that an interrupted pytest has to stop the services that its tests started.
STOP_S = 120
#: Variables that a person may set for the tests.
KEPT = (
    *("TERM", "COLUMNS", "CI", "ROOST_FAULT_SEED", "ROOST_FAULT_MESSAGES", "ROOST_FAULT_REPORT", "ROOST_ACCESS_PAGE"),
    *("ROOST_ORACLE_STATIONS", "ROOST_ORACLE_DAYS"),
)
#: Prefixes of variables with package sources and trusted certificates, for tests that install packages as users do.
#: Nothing else of the caller's environment reaches the tests.
PACKAGES_FROM = ("PIP_", "UV_", "SSL_CERT_", "REQUESTS_CA_", "CURL_CA_")


@dataclass(frozen=True)
class Run:
    """The result of one pytest run."""

    code: int
    is_whole: bool = False
    passed: int = 0
    skipped: int = 0
    failed: tuple[str, ...] = ()
    #: Failed tests that watch for lost data.
    faults: tuple[str, ...] = ()


def tests_run(folder: Path, environment: Mapping[str, str], *, long: bool, arguments: list[str]) -> int:
    """Run the tests, with reports in a folder; the summary is printed last. Return pytest's exit code."""
    words = ["--durations=10", "--durations-min=1"]
    if not any(word.startswith(("-n", "--pdb")) for word in arguments):
        # Distribute by file, because a module's fixtures are expensive. Distributing by group does not work: pytest
        # 9.2 keeps an item's id where pytest-xdist 3.8 does not add the group to it.
        # Keep the order of `slow_first`: xdist would begin with the files that have the most tests.
        words += ["-n", str(WORKERS), "--dist=loadfile", "--no-loadscope-reorder"]
    if not long and not any(word == "-m" for word in arguments):
        words += ["-m", "not long"]
    environment = tests_environment(environment)
    first = pytest_run([*words, *arguments], folder / "first.json", environment)
    # A person who names tests wants to see them fail.
    if arguments or not may_be_unsteady(first):
        return WRONG_USE if first.code == PYTEST_WRONG_USE else first.code
    print(f"Once more, alone: {', '.join(first.failed)}", flush=True)
    second = alone_run(first.failed, folder, environment)
    return verdict_say(first, second)


def may_be_unsteady(run: Run) -> bool:
    """Whether a run failed only in a few tests, none of which watches for lost data."""
    return run.code == PYTEST_FAILED and run.is_whole and 0 < len(run.failed) <= RERUN_AT_MOST and not run.faults


def alone_run(names: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> Run:
    """Run some tests one after another, with nothing beside them."""
    only = folder / "only.json"
    only.write_text(json.dumps(names))
    files = sorted({name.partition("::")[0] for name in names})
    again = {**environment, ONLY_VARIABLE: str(only), NOTES_VARIABLE: ""}
    return pytest_run(files, folder / "second.json", again)


def verdict_say(first: Run, second: Run) -> int:
    """Print the unsteady tests and the totals of both runs; return the exit code."""
    failed_again = set(second.failed) if second.is_whole else set(first.failed)
    unsteady = [name for name in first.failed if name not in failed_again]
    for name in unsteady:
        print(f"unsteady: {name} (failed among the others, passed alone)")
    code = 0 if second.code == 0 and not failed_again else PYTEST_FAILED
    skipped = f", {first.skipped} skipped" if first.skipped else ""
    print(f"{first.passed + len(unsteady)} passed, {len(first.failed) - len(unsteady)} failed{skipped}", flush=True)
    return code


def pytest_run(words: list[str], report: Path, environment: Mapping[str, str]) -> Run:
    """Run pytest and read every test's result."""
    command = [sys.executable, "-m", "pytest", *words]
    code = interruptible_run(command, environment={**environment, REPORT_VARIABLE: str(report)})
    if not report.exists():
        return Run(code)
    found = json.loads(report.read_text())
    return Run(
        code,
        is_whole=found["is_whole"],
        passed=found["passed"],
        skipped=found["skipped"],
        failed=tuple(found["failed"]),
        faults=tuple(found["faults"]),
    )


class Terminated(KeyboardInterrupt):
    """SIGTERM asked us to end. Only this process gets it, while a terminal's Ctrl-C reaches pytest too."""


def termination_catch() -> None:
    """Let SIGTERM stop the services like Ctrl-C; by default it would end this process and leave them running."""

    def told(_number: int, _frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, told)
    # A shell makes background commands ignore Ctrl-C, and pytest would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interruptible_run(command: list[str], *, environment: Mapping[str, str]) -> int:
    """Run a command; return its exit code. If this process is told to end, let the command stop its services first."""
    running = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        return running.wait()
    except KeyboardInterrupt as told:
        if isinstance(told, Terminated):
            running.send_signal(signal.SIGINT)
        running.wait(STOP_S)
        raise
    finally:
        running.kill()


def tests_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the tests: the services', plus variables that a person may set for tests."""
    said = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(PACKAGES_FROM)}
    return {**environment, **said}
