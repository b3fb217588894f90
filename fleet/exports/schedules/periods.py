"""The periods of a schedule: days, weeks from Monday, and months, all in UTC like the times in the files."""

from datetime import UTC, datetime, timedelta

from fleet.exports.models import PackageSchedule

Every = PackageSchedule.Every


def period_start(every: str, moment: datetime) -> datetime:
    """The start of the period that contains a moment."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if every == Every.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if every == Every.MONTH else day


def period_end(every: str, start: datetime) -> datetime:
    """The end of the period that begins then, which is the start of the next one."""
    if every == Every.MONTH:
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if every == Every.WEEK else 1)


def period_name(every: str, start: datetime) -> str:
    """The period's name: `2026-05-01`, `2026-W18` or `2026-05`. Sorting by name is sorting by time."""
    if every == Every.WEEK:
        year, week, _day = start.isocalendar()
        return f"{year}-W{week:02}"
    return start.strftime("%Y-%m" if every == Every.MONTH else "%Y-%m-%d")
