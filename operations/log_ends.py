"""What a program said last in its log, as words for a sentence."""

from __future__ import annotations

import re
from pathlib import Path

#: After its reason a server often says goodbye, so the reason is looked for this far from the end of the log.
LINES_LOOKED_AT = 80
BYTES_LOOKED_AT = 40_000
LONGEST_WORDS = 300
#: From the plainest words to the last resort: RabbitMQ says its reason once for people and then ten times as Erlang terms.
REASONS = (
    re.compile(r"Conf file attempted|already running|Bad directive"),
    re.compile(r"Error during startup|FATAL: |Fatal|ERROR: "),
    re.compile(r"\b(panic|error|critical|failed|cannot|could not|refused|terminating)\b", re.IGNORECASE),
)
#: What our three servers put before a line: process number, time, level.
PREFIX = re.compile(
    r"^(\d+:[A-Z] )?\d[\d\-:.,+ T]*([A-Z]{3} |[A-Z][a-z]{2} \d{4} [\d:.]+ )?(\[\w+\] )?(<[\d.]+> ?)?[\s#*@-]*"
)


def last_words(log: Path, *, since: int = 0) -> str:
    """The last line of a log that names a reason, else its last line at all; only what stands behind `since` bytes."""
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
    """The last few thousand characters of a log; nothing where there is none."""
    size = log_size(log)
    # A log shorter than it was has been put away, and this is a new one.
    begin = since if since <= size else 0
    if not size:
        return ""
    with log.open("rb") as file:
        file.seek(max(begin, size - BYTES_LOOKED_AT))
        return file.read().decode(errors="replace")


def log_size(log: Path) -> int:
    """How long a log is, in bytes."""
    return log.stat().st_size if log.exists() else 0
