"""The last relevant words of a program's log, for use in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

#: Number of lines at the end of a log that are searched for a reason: a server often logs its shutdown after it.
LINES_LOOKED_AT = 80
BYTES_LOOKED_AT = 40_000
LONGEST_WORDS = 300
#: Patterns of a reason, the plainest first: RabbitMQ prints its reason once for people and then ten times as Erlang
#: terms.
REASONS = (
    re.compile(r"Conf file attempted|already running|Bad directive"),
    re.compile(r"Error during startup|FATAL: |Fatal|ERROR: "),
    re.compile(r"\b(panic|error|critical|failed|cannot|could not|refused|terminating)\b", re.IGNORECASE),
)
#: Prefixes of the three servers' log lines: process id, time, level.
PREFIX = re.compile(
    r"^(\d+:[A-Z] )?\d[\d\-:.,+ T]*([A-Z]{3} |[A-Z][a-z]{2} \d{4} [\d:.]+ )?(\[\w+\] )?(<[\d.]+> ?)?[\s#*@-]*"
)


def last_words(log: Path, *, since: int = 0) -> str:
    """The last line of a log that names a reason, else its very last line; only text after `since` bytes counts."""
    lines = [
        line
        for raw in log_end(log, since=since).splitlines()[-LINES_LOOKED_AT:]
        if (line := PREFIX.sub("", raw).strip())
    ]
    for reason in REASONS:
        named = [line for line in lines if reason.search(line)]
        if named:
            lines = named
            break
    return f"“{lines[-1][:LONGEST_WORDS].rstrip('.')}”" if lines else "it logged nothing"


def log_end(log: Path, *, since: int = 0) -> str:
    """The last few thousand characters of a log; empty if there is none."""
    size = log_size(log)
    # A log shorter than before has been rotated, and this is a new one.
    begin = since if since <= size else 0
    if not size:
        return ""
    with log.open("rb") as file:
        file.seek(max(begin, size - BYTES_LOOKED_AT))
        return file.read().decode(errors="replace")


def log_size(log: Path) -> int:
    """A log's size in bytes."""
    return log.stat().st_size if log.exists() else 0
