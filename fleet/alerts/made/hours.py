"""Hours and season of a rule, on the clock of the station's place."""

from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from fleet.alerts.models.made import AlertRule


@dataclass(frozen=True, slots=True)
class RuleHours:
    """The times at which a rule may begin to ring: times of day without the end, and days of the year with both ends.

    Either may lie around midnight or the new year. A time that the clocks skip in spring is in no stretch, and one
    that comes twice in autumn counts both times, because moments are compared on the clock of the place.
    """

    hours: tuple[time, time] | None
    season: tuple[str, str] | None

    @classmethod
    def of(cls, rule: AlertRule) -> "RuleHours":
        """Those of a rule; None stands for always."""
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
    """Whether a value lies on the circle from the first to the last."""
    after, before = value >= first, value <= last if is_closed else value < last  # type: ignore[operator]
    return (after and before) if first <= last else (after or before)  # type: ignore[operator]
