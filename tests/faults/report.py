"""The fault report: one line per case, printed at the end of the run, and on request written as a page of the docs."""

import json
import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
from faults.catalogue import NOT_SHOWN, SHOWN_BY
from faults.oracle import Verdict

from operations.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "faults.md"
#: Set to 1 to write the page from this run.
VARIABLE = "ROOST_FAULT_REPORT"
COLUMNS = {
    "number": "No.",
    "case": "Case",
    "seed": "Seed",
    "sent": "Sent",
    "confirmed": "Confirmed",
    "repeats": "Repeats met",
    "lost": "Lost",
    "doubled": "Doubled",
    "unexpected": "Unexpected",
    "unaccounted": "Unaccounted",
    "recovered_s": "Recovered after",
}


def table(verdicts: list[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|" + " --- |" * 2 + " ---: |" * (len(COLUMNS) - 2)]
    for verdict in verdicts:
        row = verdict.row()
        lines.append("| " + " | ".join(_cell(row[name]) for name in COLUMNS) + " |")
    return "\n".join(lines)


def page(verdicts: list[Verdict], versions: dict[str, str]) -> str:
    """The page of the docs."""
    template = (Path(__file__).parent / "faults.md.template").read_text()
    verdicts = fullest(verdicts)
    notes = "\n".join(f"- **{verdict.case}**: {verdict.note}" for verdict in verdicts)
    return (
        template.replace("$TABLE", table(verdicts))
        .replace("$NOTES", notes)
        .replace("$ELSEWHERE", elsewhere())
        .replace("$DATE", datetime.now(tz=UTC).strftime("%Y-%m-%d"))
        .replace("$MACHINE", machine(versions))
    )


def elsewhere() -> str:
    """Cases that other tests demonstrate, and cases that no test does, as two lists."""
    shown = [f"- **{number}** {what} {_files(tests)}" for number, (what, tests) in SHOWN_BY.items()]
    missing = [f"- **{number}** {why}" for number, why in NOT_SHOWN.items()]
    return "\n".join([*shown, *(["", "Not shown:", "", *missing] if missing else [])])


def _files(tests: tuple[str, ...]) -> str:
    names = dict.fromkeys(name.partition("::")[0] for name in tests)
    return "(" + ", ".join(f"`{name}`" for name in names) + ")"


def fullest(verdicts: list[Verdict]) -> list[Verdict]:
    """The run with most messages for each case, in the order of the catalogue."""
    kept: dict[str, Verdict] = {}
    for verdict in verdicts:
        if verdict.case not in kept or verdict.sent > kept[verdict.case].sent:
            kept[verdict.case] = verdict
    return sorted(kept.values(), key=_place)


def machine(versions: dict[str, str]) -> str:
    """The machine it ran on, in one sentence."""
    memory = round(psutil.virtual_memory().total / 2**30)
    parts = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{os.cpu_count()} cores, {memory} GB of memory, Linux {platform.release().partition('-')[0]}, {parts}"


def save(verdicts: list[Verdict], versions: dict[str, str]) -> None:
    """Write the page if ROOST_FAULT_REPORT is 1; if it names a file, write a part of the page to that file.

    Each of several pytest workers writes its own file, with its name appended.
    """
    if os.environ.get(VARIABLE) == "1":
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(verdicts, versions))
    elif os.environ.get(VARIABLE):
        part = {"versions": versions, "verdicts": [verdict.row() for verdict in verdicts]}
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        name = f"{os.environ[VARIABLE]}.{worker}" if worker else os.environ[VARIABLE]
        Path(name).write_text(json.dumps(part, indent=1))


def join(parts: list[Path]) -> None:
    """Write the page from the parts of a run in several processes."""
    verdicts: list[Verdict] = []
    versions: dict[str, str] = {}
    for part in parts:
        figures = json.loads(part.read_text())
        for name, version in figures["versions"].items():
            seen = versions.get(name, "").split(" and ")
            versions[name] = " and ".join(sorted({*seen, version} - {""}))
        verdicts += [Verdict(**row) for row in figures["verdicts"]]
    PAGE.write_text(page(verdicts, versions))


def _place(verdict: Verdict) -> int:
    return int(re.match(r"\d*", verdict.number).group() or 999)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f} s"
    return str(value)


if __name__ == "__main__":
    join([Path(name) for name in sys.argv[1:]])
