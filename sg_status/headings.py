"""Headings of a table that sorts by its columns: the link of each, and which one the table is sorted by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading: its text, the `sort` of its link, and the direction if the table is sorted by it."""

    label: str | Promise
    is_number: bool
    sort: str
    direction: str


def headings_of(
    columns: Sequence[tuple[str, str | Promise, bool]], sort: str, *, least_first: Collection[str] = ()
) -> list[Heading]:
    """Headings for columns, each given as its key, its text, and whether it holds figures.

    A click sorts by the column; figures begin with the largest, except in `least_first`. Another click reverses.
    """
    found = []
    for key, label, is_number in columns:
        descending = f"-{key}"
        if sort in (key, descending):
            direction = "ascending" if sort == key else "descending"
            found.append(Heading(label, is_number, descending if sort == key else key, direction))
        else:
            starts = descending if is_number and key not in least_first else key
            found.append(Heading(label, is_number, starts, ""))
    return found
