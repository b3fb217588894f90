"""Runs of tags at Motus by day: a day is counted again only if one of its batches is new, gone or changed."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import LoginRefused
from fleet.sync.adapters.clients.motus_fields import float_in, moment_in, whole_in
from fleet.sync.adapters.clients.motus_jobs import MotusJobs

#: Maximum batches whose runs are read in one comparison of a receiver, with one request or more for each.
BATCHES_MOST: Final = 200
#: A batch as stored: its number, hits, time of creation, and begin and end in seconds.
Mark = list[float | None]


@dataclass
class RunCounts:
    """Runs that began on each day, None where no batch covers it; days that an unread batch covers are left out.

    `unread`: ids of batches that were not read: `beyond` of them because there are too many, `refused` because Motus
    did not give their runs. `said`: the reason for the last refused one.
    """

    by_day: dict[date, int | None] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)
    beyond: int = 0
    refused: int = 0
    said: str = ""


def batch_marks(batches: Iterable[dict[str, Any]], unread: Collection[int] = ()) -> list[Mark]:
    """A mark for each batch, which changes when the batch does; Motus makes new ones when it processes data again.

    Unread batches get no mark, so that the next comparison takes them for new.
    """
    fields = ("batchID", "numHits", "ts", "tsStart", "tsEnd")
    known = (each for each in batches if whole_in(each, "batchID") not in unread)
    return sorted(([float_in(each, field) for field in fields] for each in known), key=str)


def days_touched(
    days: Collection[date], old: Sequence[Mark], new: Sequence[Mark], uncounted: Iterable[date]
) -> set[date]:
    """Of these days, those that a new, gone or changed batch covers, and those not counted yet."""
    changed = {tuple(mark) for mark in old} ^ {tuple(mark) for mark in new}
    spans = [(_day(mark[3]), _day(mark[4])) for mark in changed if len(mark) == 5]
    return set(uncounted) | {
        day for day in days if any(began and ended and began <= day <= ended for began, ended in spans)
    }


def runs_by_day(jobs: MotusJobs, batches: Sequence[dict[str, Any]], days: Collection[date]) -> RunCounts:
    """Count the runs of these days, in at most `BATCHES_MOST` batches. Raises `SyncError` for temporary trouble."""
    covering = sorted(
        (
            (began.date(), ended.date(), number)
            for began, ended, number in map(_span, batches)
            if began and ended and number
        ),
        key=lambda each: each[1],
        reverse=True,
    )
    needed = [each for each in covering if any(each[0] <= day <= each[1] for day in days)]
    unread = {number for _began, _ended, number in needed[BATCHES_MOST:]}
    counts = RunCounts(unread=unread, beyond=len(unread))
    seen: set[int] = set()
    found = Counter[date]()
    for _began, _ended, number in needed[:BATCHES_MOST]:
        try:
            runs = jobs.runs(batch=number)
        except LoginRefused:
            raise
        except SyncError as error:
            if error.is_passing:
                raise
            counts.unread.add(number)
            counts.refused, counts.said = counts.refused + 1, str(error)
            continue
        for run in runs:
            run_id, at = whole_in(run, "runID"), moment_in(run, "tsBegin")
            # Motus lists a run that continues in the next batch with both.
            if at is None or run_id is None or run_id in seen:
                continue
            seen.add(run_id)
            found[at.astimezone(UTC).date()] += 1
    for day in days:
        over = [number for began, ended, number in needed if began <= day <= ended]
        if counts.unread.isdisjoint(over):
            counts.by_day[day] = found[day] if over else None
    return counts


def _span(batch: dict[str, Any]) -> tuple[datetime | None, datetime | None, int | None]:
    return moment_in(batch, "tsStart"), moment_in(batch, "tsEnd"), whole_in(batch, "batchID")


def _day(seconds: float | None) -> date | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
