"""The wall-clock times of a recurrence rule, read lazily and never without end.

If no day matches, dateutil searches all years up to 9999, which takes minutes. So it gets only rules that match in
every period: days, weeks, or the days of each month. Narrower parts (months, days of the month, every so many months
or years) are checked here for each time, and nothing is searched beyond `AHEAD`.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from dateutil.rrule import DAILY, HOURLY, MONTHLY, WEEKLY, rrule, weekday

from fleet.alerts.maintenance.rrule import RecurrenceRule

#: How far ahead times are searched: the 29th of February may be eight years away.
AHEAD: Final = timedelta(days=10 * 366)
_AHEAD_HOURLY: Final = timedelta(days=400)
_STEPS: Final = {
    "HOURLY": (HOURLY, timedelta(hours=1)),
    "DAILY": (DAILY, timedelta(days=1)),
    "WEEKLY": (WEEKLY, timedelta(weeks=1)),
}


def wall_times(rule: RecurrenceRule, *, starts: datetime, after: datetime) -> Iterator[datetime]:
    """The times from `starts` on, in order, on a clock without offset; those well before `after` may be left out.

    They end when the rule does, or some years after `after`. An old rule costs no more than a new one, unless it has a
    COUNT, which is at most a thousand.
    """
    near = starts if rule.count is not None else max(starts, after)
    ahead = _AHEAD_HOURLY if rule.frequency == "HOURLY" else AHEAD
    until = max(starts, after) + ahead
    if rule.until is not None:
        until = min(until, rule.until)
    found = (at for at in _base(rule, starts, near, until) if starts <= at <= until and _matches(rule, starts, at))
    return found if rule.count is None else islice(found, rule.count)


def _base(rule: RecurrenceRule, starts: datetime, near: datetime, until: datetime) -> Iterator[datetime]:
    """Times of a wider rule that matches in every period, from `near` on or a little earlier."""
    if rule.frequency in _STEPS:
        frequency, unit = _STEPS[rule.frequency]
        step = rule.interval * unit
        begin = starts + max((near - starts) // step - 1, 0) * step
        is_weekly = rule.frequency == "WEEKLY"
        return iter(
            rrule(
                frequency,
                dtstart=begin,
                interval=rule.interval,
                wkst=rule.week_start,
                until=until,
                byweekday=sorted(day for _place, day in rule.days) or None if is_weekly else None,
                byhour=None if rule.frequency == "HOURLY" else sorted(rule.hours) or None,
                byminute=sorted(rule.minutes) or None,
            )
        )
    days = rule.days
    month_days = rule.month_days if rule.month_days or days else {starts.day}
    return iter(
        rrule(
            MONTHLY,
            # From the first of the month before `near`: the caller drops times before `starts`.
            dtstart=(near.replace(day=1) - timedelta(days=1)).replace(day=1, hour=starts.hour, minute=starts.minute),
            until=until,
            # Not every month has a fifth Tuesday or a 31st, but one of the next few has.
            byweekday=[weekday(day, place or None) for place, day in sorted(days)] or None,
            bymonthday=sorted(month_days) or None,
            bysetpos=sorted(rule.places) or None,
            byhour=sorted(rule.hours) or None,
            byminute=sorted(rule.minutes) or None,
        )
    )


def _matches(rule: RecurrenceRule, starts: datetime, at: datetime) -> bool:
    """Whether a time of the wider rule belongs to this rule."""
    if rule.months and at.month not in rule.months:
        return False
    match rule.frequency:
        case "MONTHLY":
            return (12 * (at.year - starts.year) + at.month - starts.month) % rule.interval == 0
        case "YEARLY":
            is_its_month = bool(rule.months or rule.month_days or rule.days) or at.month == starts.month
            return is_its_month and (at.year - starts.year) % rule.interval == 0
        case "WEEKLY":
            return True
    is_its_hour = rule.frequency == "DAILY" or not rule.hours or at.hour in rule.hours
    return is_its_hour and _is_its_day(rule, at)


def _is_its_day(rule: RecurrenceRule, at: datetime) -> bool:
    if rule.days and at.weekday() not in {day for _place, day in rule.days}:
        return False
    length = monthrange(at.year, at.month)[1]
    return not rule.month_days or at.day in rule.month_days or at.day - length - 1 in rule.month_days
