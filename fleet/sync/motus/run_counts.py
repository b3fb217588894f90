"""Runs of tags at Motus by day: only days are counted again of which a batch is new, gone or has changed."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from fleet.sync.adapters.clients.motus_fields import float_in, moment_in, whole_in
from fleet.sync.adapters.clients.motus_jobs import MotusJobs

#: Batches whose runs are asked for in one comparison of a receiver, one question or more for each.
BATCHES_MOST: Final = 200
#: A batch as it is kept: its number, hits, when it was made, and its begin and end in seconds.
Mark = list[float | None]


def batch_marks(batches: Iterable[dict[str, Any]]) -> list[Mark]:
    """A mark that changes when a batch does; Motus makes new ones when it processes data again."""
    fields = ("batchID", "numHits", "ts", "tsStart", "tsEnd")
    return sorted(([float_in(each, field) for field in fields] for each in batches), key=str)


def days_touched(
    days: Collection[date], old: Sequence[Mark], new: Sequence[Mark], uncounted: Iterable[date]
) -> set[date]:
    """Of these days, those that a new, gone or changed batch covers, and those not counted yet."""
    changed = {tuple(mark) for mark in old} ^ {tuple(mark) for mark in new}
    spans = [(_day(mark[3]), _day(mark[4])) for mark in changed if len(mark) == 5]
    return set(uncounted) | {
        day for day in days if any(began and ended and began <= day <= ended for began, ended in spans)
    }


def runs_by_day(
    jobs: MotusJobs, batches: Sequence[dict[str, Any]], days: Collection[date]
) -> tuple[dict[date, int | None], int]:
    """Runs that began on each of these days, None where no batch covers it; and how many batches were not read.

    Days that an unread batch covers are left out. Raises `SyncError`.
    """
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
    unread = needed[BATCHES_MOST:]
    found: dict[date, int | None] = {
        day: 0 if any(each[0] <= day <= each[1] for each in needed) else None
        for day in days
        if not any(each[0] <= day <= each[1] for each in unread)
    }
    seen: set[int] = set()
    for _began, _ended, number in needed[:BATCHES_MOST]:
        for run in jobs.runs(batch=number):
            run_id, at = whole_in(run, "runID"), moment_in(run, "tsBegin")
            # A run that goes on in the next batch is listed with both.
            if at is None or run_id is None or run_id in seen:
                continue
            seen.add(run_id)
            day = at.astimezone(UTC).date()
            if found.get(day) is not None:
                found[day] = (found[day] or 0) + 1
    return found, len(unread)


def _span(batch: dict[str, Any]) -> tuple[datetime | None, datetime | None, int | None]:
    return moment_in(batch, "tsStart"), moment_in(batch, "tsEnd"), whole_in(batch, "batchID")


def _day(seconds: float | None) -> date | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
