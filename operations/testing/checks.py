"""`./roost test`: every check that CI runs, then the tests, on services started for them. `--quick` uses none."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from operations import packages, preparation
from operations.errors import WrongUse
from operations.instance import Instance
from operations.paths import PACKAGES, REPOSITORY, TEMPLATES
from operations.stack import Stack
from operations.testing.pytest_account import NOTES_VARIABLE
from operations.testing.suite import termination_catch, tests_run
from operations.testing.trial import serviceless_environment, trial_end, trial_environment, trial_start

OPENAPI = REPOSITORY / "docs" / "reference" / "openapi.yaml"
TRANSLATIONS = "translations"
SLOWEST_SHOWN = 5


@dataclass(frozen=True)
class CheckResult:
    """The result of one check, or of starting the services."""

    name: str
    passed: bool
    output: str
    seconds: float


#: Short options of pytest that are followed by a value.
VALUED = frozenset({"-k", "-m", "-n", "-p", "-c", "-o", "-W"})


def checks_run(*, long: bool, quick: bool, pytest_arguments: list[str]) -> int:
    """Run all checks, then the tests. Return 0 only if everything passed; failures are listed last.

    Raises `WrongUse` if there is no such test file or folder.
    """
    paths_check(pytest_arguments)
    termination_catch()
    if not quick:
        packages.tools_ensure(assume_yes=True, for_tests=True)
    with tempfile.TemporaryDirectory(prefix="roost-test-") as folder:
        serviceless = serviceless_environment(Path(folder))
        if quick:
            outcomes = checks_all(serviceless)
            environment = serviceless | notes_of(outcomes)
            code = tests_run(Path(folder), environment, long=long, arguments=pytest_arguments)
        else:
            outcomes, code = with_services(serviceless, long=long, arguments=pytest_arguments)
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    if failed:
        # After the tests, where it will not be overlooked.
        print(f"{len(failed)} of {len(outcomes)} checks failed: {', '.join(failed)}.")
    return 1 if failed else code


def paths_check(arguments: list[str]) -> None:
    """Raise `WrongUse` for a file or folder that does not exist: pytest's workers would silently collect nothing."""
    for before, argument in pairwise(["", *arguments]):
        name = argument.partition("::")[0]
        is_value = before in VALUED or (before.startswith("--") and "=" not in before)
        is_path = not argument.startswith("-") and (name.endswith(".py") or "/" in name)
        if is_path and not is_value and not (REPOSITORY / name).exists():
            raise WrongUse(f"There is no {name} to test.")


def with_services(serviceless: dict[str, str], *, long: bool, arguments: list[str]) -> tuple[list[CheckResult], int]:
    """Start the services while the checks run, which need none; then run the tests on them."""
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(services_start)
        try:
            outcomes = checks_all(serviceless)
            stack, seconds = starting.result()
            environment = trial_environment(stack.paths.var, worker="main")
            preparation.assets_build(Instance.load(stack.paths))
            outcomes.append(CheckResult("start of the services", passed=True, output="", seconds=seconds))
            environment |= notes_of(outcomes)
            return outcomes, tests_run(stack.paths.var, environment, long=long, arguments=arguments)
        finally:
            # Interrupting the first checks must not leave a service behind either.
            trial_end(starting.result()[0])


def services_start() -> tuple[Stack, float]:
    """Start the services; return them and the seconds that it took."""
    begun = time.monotonic()
    stack = trial_start()
    return stack, time.monotonic() - begun


def checks_all(environment: dict[str, str]) -> list[CheckResult]:
    """Run the checks, as many at once as there are cores. They load Django's settings and use no service."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(check_run, name, command, environment) for name, command in code_checks().items()]
        runs.append(pool.submit(openapi_check, environment))
        return [run.result() for run in runs]


def notes_of(outcomes: list[CheckResult]) -> dict[str, str]:
    """Lines for the summary of the tests: the slowest checks, and the number of missing translations."""
    slowest = sorted(outcomes, key=lambda outcome: -outcome.seconds)[:SLOWEST_SHOWN]
    notes = [f"{outcome.seconds:7.1f}s {outcome.name}" for outcome in slowest]
    said = next((outcome.output for outcome in outcomes if outcome.name == TRANSLATIONS and outcome.passed), "")
    notes += [f"{line} See ./roost manage translations" for line in said.splitlines()[-1:] if not line.startswith("0 ")]
    return {NOTES_VARIABLE: "\n".join(notes)}


def python_module(*words: str) -> list[str]:
    """A command that runs a module with this interpreter."""
    return [sys.executable, "-m", *words]


def code_checks() -> dict[str, list[str]]:
    """The checks by name, the longest first."""
    scripts = Path(sys.executable).parent
    return {
        "types": python_module("mypy", *PACKAGES),
        "ruff format": python_module("ruff", "format", "--check", "."),
        "ruff check": python_module("ruff", "check", "."),
        "import floors": [str(scripts / "lint-imports")],
        "dead code": python_module("operations.testing.dead_code"),
        "template indentation": [str(scripts / "djhtml"), "--check", "--tabwidth", "2", *TEMPLATES],
        "template lint": [str(scripts / "djlint"), "--quiet", "--lint", *TEMPLATES],
        "files generated from the wire contracts": python_module("message_queue.generate", "--check"),
        "missing migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        "Django's own checks": [sys.executable, "manage.py", "check", "--fail-level=WARNING"],
        TRANSLATIONS: [sys.executable, "manage.py", "translations"],
    }


def check_run(name: str, command: list[str], environment: dict[str, str]) -> CheckResult:
    """Run one check and report its result at once."""

    def run() -> tuple[bool, str]:
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode == 0, done.stdout

    return timed(name, run)


def timed(name: str, run: Callable[[], tuple[bool, str]]) -> CheckResult:
    """Run a check, time it, and print the output if it failed."""
    begun = time.monotonic()
    passed, output = run()
    outcome = CheckResult(name, passed, output, time.monotonic() - begun)
    said = "" if passed else f"{output.rstrip()}\n"
    # One write, because others report beside it.
    print(f"{said}{'ok    ' if passed else 'FAILED'} {name} ({outcome.seconds:.1f} s)\n", end="", flush=True)
    return outcome


def openapi_check(environment: dict[str, str]) -> CheckResult:
    """Check that the committed API document matches the code."""

    def run() -> tuple[bool, str]:
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "openapi.yaml"
            command = [sys.executable, "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", str(fresh)]
            done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return False, done.stdout + done.stderr
            committed = OPENAPI.read_text().splitlines() if OPENAPI.exists() else []
            changes = difflib.unified_diff(committed, fresh.read_text().splitlines(), "committed", "generated", n=1)
            lines = list(changes)[:40]
        how = f"Regenerate it: ./roost manage spectacular --file {OPENAPI.relative_to(REPOSITORY)}"
        return not lines, "\n".join([*lines, how])

    return timed("OpenAPI document", run)
