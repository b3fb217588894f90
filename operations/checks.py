"""`./roost test`: every check that CI runs, at once, on services started for it."""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from operations import packages, preparation
from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.stack import Stack
from operations.suite import tests_run
from operations.trial import trial_end, trial_environment, trial_start

PACKAGES = ("fleet", "message_queue", "operations", "rest_api", "sg_status", "station_agent", "web", "workers")
OPENAPI = REPOSITORY / "docs" / "reference" / "openapi.yaml"


@dataclass(frozen=True)
class Outcome:
    """The result of one check."""

    name: str
    passed: bool
    output: str
    seconds: float


def checks_run(*, long: bool, pytest_arguments: list[str]) -> int:
    """Run all checks, then the tests. Return 0 only if everything passed; failures are listed last.

    1. start the services while checks run that need none
    2. the checks that read code
    3. the checks that need Django
    4. the tests
    """
    packages.tools_ensure(assume_yes=True, for_tests=True)
    with ThreadPoolExecutor(1) as pool:
        starting: Future[Stack] = pool.submit(trial_start)
        try:
            outcomes = [check_run(name, command) for name, command in code_checks().items()]
            stack = starting.result()
            environment = trial_environment(stack.paths.var, worker="main")
            preparation.assets_build(Instance.load(stack.paths))
            outcomes += [check_run(name, command, environment) for name, command in django_checks().items()]
            outcomes.append(openapi_check(environment))
            failed = [outcome.name for outcome in outcomes if not outcome.passed]
            code = tests_run(stack, environment, long=long, arguments=pytest_arguments)
            if failed:
                # After the tests, where it will not be overlooked.
                print(f"{len(failed)} of {len(outcomes)} checks failed: {', '.join(failed)}.")
            return 1 if failed else code
        finally:
            # Interrupting the first checks must not leave a service behind either.
            trial_end(starting.result())


def python_module(*words: str) -> list[str]:
    """A command that runs a module with this interpreter."""
    return [sys.executable, "-m", *words]


def code_checks() -> dict[str, list[str]]:
    """The checks that only read the code."""
    scripts = Path(sys.executable).parent
    return {
        "ruff format": python_module("ruff", "format", "--check", "."),
        "ruff check": python_module("ruff", "check", "."),
        "import floors": [str(scripts / "lint-imports")],
        "generated broker and AsyncAPI files": python_module("message_queue.generate", "--check"),
    }


def django_checks() -> dict[str, list[str]]:
    """The checks that load Django and so need its settings."""
    return {
        "types": python_module("mypy", *PACKAGES),
        "missing migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        "Django's own checks": [sys.executable, "manage.py", "check", "--fail-level=WARNING"],
    }


def check_run(name: str, command: list[str], environment: dict[str, str] | None = None) -> Outcome:
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


def timed(name: str, run: Callable[[], tuple[bool, str]]) -> Outcome:
    """Run a check, time it, and print the output if it failed."""
    begun = time.monotonic()
    passed, output = run()
    outcome = Outcome(name, passed, output, time.monotonic() - begun)
    if not passed:
        print(output.rstrip())
    print(f"{'ok    ' if passed else 'FAILED'} {name} ({outcome.seconds:.1f} s)", flush=True)
    return outcome


def openapi_check(environment: dict[str, str]) -> Outcome:
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
