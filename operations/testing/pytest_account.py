"""Accounting for every test of a run: each collected test has a result, under a unique id, or the run fails.

A lost test would go unnoticed: pytest-xdist keeps ids in dictionaries, so it runs only one of several tests that
share an id.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

#: Variables from `./roost test` for its pytest: the file for the results, and a file that names the tests to run alone.
REPORT_VARIABLE = "ROOST_TEST_REPORT"
ONLY_VARIABLE = "ROOST_TEST_ONLY"
#: Variable with lines about the checks, for the summary.
NOTES_VARIABLE = "ROOST_TEST_NOTES"

#: Exit codes of runs that are checked for lost tests. Any other run was interrupted, and says so itself.
COUNTED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
#: Folders whose files have few tests but take minutes.
SLOW = ("faults", "browser", "operations", "isolation")
SLOWEST_SHOWN = 10
NAMES_SHOWN = 20


def id_make_own(item: pytest.Item) -> None:
    """Make an item's id from its own name: pytest uses the function's name, which schemathesis' items share."""
    if item.parent is not None and not item.nodeid.endswith(f"::{item.name}"):
        item._id = NodeId.parse(f"{item.parent.nodeid}::{item.name}")  # noqa: SLF001 - it has no other door


def items_choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """If this run repeats failed tests, keep only those that the file in `ROOST_TEST_ONLY` names."""
    if ONLY_VARIABLE not in os.environ:
        return
    wanted = set(json.loads(Path(os.environ[ONLY_VARIABLE]).read_text()))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in wanted])
    items[:] = [item for item in items if item.nodeid in wanted]


def slow_first(items: list[pytest.Item]) -> None:
    """Sort slow files first, so that at the end no worker is busy with one while the others are idle.

    The folders of `SLOW` take turns, one file each. The order within a file stays.
    """
    files = dict.fromkeys(item.nodeid.partition("::")[0] for item in items)
    groups = [[file for file in files if file.startswith(f"tests/{folder}/")] for folder in SLOW]
    slow = [file for turn in zip_longest(*groups) for file in turn if file]
    places = {file: place for place, file in enumerate([*slow, *(file for file in files if file not in set(slow))])}
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


class Account:
    """Counts in the controlling process: collected tests, results, and their duration."""

    def __init__(self) -> None:
        self.collected: list[str] = []
        self.ended: Counter[str] = Counter()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()
        self.faults: set[str] = set()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.complaint: list[str] = []
        self.terminal: TerminalReporter | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Find the terminal, so that failed tests can be named at once: a run takes half an hour."""
        self.terminal = session.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record the collected tests of a run without workers. With workers, this process has no items."""
        if session.items:
            self.collected = [item.nodeid for item in session.items]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Record the collected tests of a run with workers, each of which collects the same."""
        self.collected = list(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record a test as ended when its last phase has, or when its worker died."""
        self.seconds[report.nodeid.partition("::")[0]] += report.duration
        if report.failed:
            if self.terminal and REPORT_VARIABLE in os.environ:
                self.terminal.ensure_newline()
                self.terminal.write_line(f"failed: {report.nodeid}")
            self.failed.add(report.nodeid)
            if "faults" in report.keywords:
                self.faults.add(report.nodeid)
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.add(report.nodeid)
        if report.when not in ("setup", "call"):
            self.ended[report.nodeid] += 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> object:
        """Fail a run that lost a test; one that was told to stop early has lost none."""
        is_stopped = (
            session.exitstatus not in COUNTED
            or bool(session.shouldstop or session.shouldfail)
            or session.config.option.collectonly
        )
        if not is_stopped:
            self.complaint = complaint_make(self.collected, self.ended)
        if self.complaint and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if REPORT_VARIABLE in os.environ:
            report = {
                "is_whole": not is_stopped and not self.complaint,
                "passed": len(self.ended) - len(self.failed | self.skipped),
                "skipped": len(self.skipped - self.failed),
                "failed": sorted(self.failed),
                "faults": sorted(self.faults),
                "seconds": {file: round(seconds, 1) for file, seconds in sorted(self.seconds.items())},
            }
            Path(os.environ[REPORT_VARIABLE]).write_text(json.dumps(report))
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the slowest files and checks, and the lost tests."""
        slowest = sorted(self.seconds.items(), key=lambda part: -part[1])[:SLOWEST_SHOWN]
        if len(self.seconds) > 1:
            terminalreporter.section(f"slowest {len(slowest)} of {len(self.seconds)} files")
            for file, seconds in slowest:
                terminalreporter.write_line(f"{seconds:7.1f}s {file}")
        if notes := os.environ.get(NOTES_VARIABLE):
            terminalreporter.section("checks")
            terminalreporter.write_line(notes)
        if self.complaint:
            terminalreporter.section("tests without a result", red=True)
            for line in self.complaint[:NAMES_SHOWN]:
                terminalreporter.write_line(line, red=True)
            if len(self.complaint) > NAMES_SHOWN:
                terminalreporter.write_line(f"… and {len(self.complaint) - NAMES_SHOWN} more", red=True)


def complaint_make(collected: list[str], ended: Counter[str]) -> list[str]:
    """The discrepancies between collected tests and results; empty if there are none."""
    shared = {name: times for name, times in Counter(collected).items() if times > 1}
    lines = [f"{times} tests share the id {name}" for name, times in shared.items()]
    lines += [f"no result of {name}" for name in dict.fromkeys(collected) if not ended[name]]
    lines += [f"a result of {name}, which was not collected" for name in ended if name not in set(collected)]
    return lines
