"""The account of every byte and line of a file: taken, known already, kept back by a setting, or refused.

`read = taken + known + kept_back + refused`, to the byte.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from message_queue.contracts.file import MAX_FILES, File, FileAccount, FileState

_REASON_MOST = 250


class Tally(NamedTuple):
    """Bytes and lines of one file by outcome."""

    bytes_taken: int = 0
    bytes_known: int = 0
    bytes_kept_back: int = 0
    bytes_refused: int = 0
    lines_taken: int = 0
    lines_known: int = 0
    lines_kept_back: int = 0
    lines_refused: int = 0

    @property
    def bytes_read(self) -> int:
        """All bytes that were examined."""
        return sum(self[:4])

    @property
    def lines_read(self) -> int:
        """All lines that were examined."""
        return sum(self[4:])

    def plus(self, other: "Tally") -> "Tally":
        """The sum of two tallies."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount:
    """One file's account. `marks`: a line in it shows that its writer marks noise itself.

    `back` is where to resume if a finished file continues after all, before anything that later data could change:
    [offset, line, last moment, recent pulses, tally, refusals, heading]. Pulses up to line `counted` have been counted.
    """

    state: FileState = "open"
    start: int = 0
    size: int = 0
    unread: int = 0
    tally: Tally = field(default_factory=Tally)
    refusals: dict[str, int] = field(default_factory=dict)
    damaged: bool = False
    reason: str = ""
    marks: bool = False
    counted: int = 0
    back: str = ""

    def refused_add(self, words: Iterable[str]) -> dict[str, int]:
        """The refusals with these added."""
        found = dict(self.refusals)
        for word in words:
            found[word] = found.get(word, 0) + 1
        return found

    def read_before(self, offset: int, lines: int) -> "OpenAccount":
        """The account, with everything read before accounts were kept counted as known."""
        missing = offset - self.tally.bytes_read
        missing_lines = lines - self.tally.lines_read
        if missing <= 0:
            return self
        return replace(self, tally=self.tally.plus(Tally(bytes_known=missing, lines_known=max(missing_lines, 0))))

    def message(self, name: str, *, stream: str = "") -> FileAccount:
        """The account as sent to the server."""
        return FileAccount(
            name=name,
            state=self.state,
            size=self.size,
            start=self.start / 1_000_000 if self.start else None,
            bytes_read=self.tally.bytes_read,
            bytes_unread=self.unread,
            lines_read=self.tally.lines_read,
            **self.tally._asdict(),
            damaged=self.damaged,
            reason=self.reason[:_REASON_MOST],
            refusals=self.refusals,
            stream=stream,
        )


def file_messages(accounts: list[FileAccount]) -> Iterator[File]:
    """The accounts as messages, each within its bound. The totals of all files go with the health reports."""
    for first in range(0, len(accounts), MAX_FILES):
        yield File(at=time.time(), files=accounts[first : first + MAX_FILES])
