"""Judging one series by one rule: from values in order of the station's clock to the stretches in which it rang.

    well ──beyond──▶ pending ──beyond for long enough──▶ ringing ──clear──▶ well
                        └──not beyond──▶ well

Live judging and the preview share this code, so a preview shows what the rule would have done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from fleet.alerts.made.conditions.base import JudgedValue, Limits
from fleet.alerts.models.made import AlertRule, RuleState

Phase = RuleState.Phase


class RuleTarget(NamedTuple):
    """A rule at one series of a station, with the unit in which it judges."""

    rule: AlertRule
    station_id: int
    series_id: int
    series: str
    unit: str


class Start(NamedTuple):
    """The state before the first value: a phase, and since when."""

    phase: str
    since: datetime


@dataclass(slots=True)
class Episode:
    """A stretch in which a rule rang, from the first value beyond. `ended_at` None: it rang at the last known value."""

    began_at: datetime
    last: JudgedValue
    ended_at: datetime | None = None
    #: The value that ended it.
    end: JudgedValue | None = None
    #: It was already ringing before the first value.
    is_known: bool = False


class RuleVerdict(NamedTuple):
    """The result of judging: episodes in order, and the phase at the last value (None: well)."""

    episodes: list[Episode]
    after: Start | None


def judge(
    points: Sequence[JudgedValue],
    limits: Limits,
    *,
    hold: timedelta,
    start: Start | None = None,
    is_active: Callable[[datetime], bool] = lambda _moment: True,
) -> RuleVerdict:
    """Judge values in order of time. A value outside the hours of a rule begins nothing, but may end something."""
    phase, since = (start.phase, start.since) if start is not None else (None, None)
    episodes: list[Episode] = []
    if phase == Phase.RINGING and since is not None:
        episodes.append(Episode(since, JudgedValue(since, 0.0), is_known=True))
    for point in points:
        is_beyond = limits.is_beyond(point.value) and is_active(point.at)
        if phase == Phase.RINGING:
            if limits.is_clear(point.value):
                episodes[-1].ended_at, episodes[-1].end = point.at, point
                phase = since = None
            elif is_beyond:
                episodes[-1].last = point
        elif not is_beyond:
            phase = since = None
        else:
            since = since or point.at
            is_long_enough = point.at - since >= hold
            phase = Phase.RINGING if is_long_enough else Phase.PENDING
            if is_long_enough:
                episodes.append(Episode(since, point))
    return RuleVerdict(episodes, Start(phase, since) if phase is not None and since is not None else None)
