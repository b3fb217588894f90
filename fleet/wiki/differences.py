"""The lines by which two texts differ, for people to read."""

import difflib
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

#: Maximum lines of a text to compare, maximum lines to show, and unchanged lines around each change.
LINES_MOST, TOLD_MOST, _AROUND = 2_000, 300, 2


class LineTold(NamedTuple):
    """A line: `+` only in the later text, `-` only in the earlier one, a blank in both, `@` where some are left out."""

    sign: str
    text: str


def lines_told(earlier: str, later: str) -> list[LineTold] | None:
    """The lines that differ and those around them; empty if none does, None if the texts are too long to compare."""
    one, other = earlier.splitlines(), later.splitlines()
    if max(len(one), len(other)) > LINES_MOST:
        return None
    told: list[LineTold] = []
    for line in _unified(one, other):
        if len(told) == TOLD_MOST:
            told.append(LineTold("@", ""))
            break
        told.append(line)
    return told


def _unified(one: list[str], other: list[str]) -> Iterator[LineTold]:
    lines = difflib.unified_diff(one, other, lineterm="", n=_AROUND)
    # The first two lines name the texts.
    for line in islice(lines, 2, None):
        yield LineTold("@", "") if line.startswith("@@") else LineTold(line[0], line[1:])
