"""Hours and season of a rule, on the clock of the station's place."""

from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from fleet.alerts.models.made import AlertRule


@dataclass(frozen=True, slots=True)
class RuleHours:
    """When a rule may begin to ring: times of day, excluding the end, and days of the year, including both ends.

    Either may wrap around midnight or the new year. Moments are compared on the clock of the place: a time that the
    clocks skip in spring never occurs, and one that comes twice in autumn counts both times.
    """

    hours: tuple[time, time] | None
    season: tuple[str, str] | None

    @classmethod
    def of(cls, rule: AlertRule) -> "RuleHours":
        """The hours and season of a rule; None stands for always."""
        hours = None if rule.hours_from is None or rule.hours_until is None else (rule.hours_from, rule.hours_until)
        return cls(hours, (rule.season_from, rule.season_until) if rule.season_from and rule.season_until else None)

    def has(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether a moment is within both."""
        if self.hours is None and self.season is None:
            return True
        local = moment.astimezone(zone)
        if self.season is not None and not _is_within(f"{local:%m-%d}", *self.season, is_closed=True):
            return False
        return self.hours is None or _is_within(local.time(), *self.hours, is_closed=False)


def _is_within(value: str | time, first: str | time, last: str | time, *, is_closed: bool) -> bool:
    """Whether a value lies between the first and the last, which may wrap around."""
    after, before = value >= first, value <= last if is_closed else value < last  # type: ignore[operator]
    return (after and before) if first <= last else (after or before)  # type: ignore[operator]
