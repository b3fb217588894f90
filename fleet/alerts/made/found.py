"""The findings in the judge's verdicts: incidents to open and to close, past incidents, and the new rule states.

Late data never rings. Data is late after one hour or one and a half of the station's intervals, whichever is longer;
time in which Roost itself was not listening does not count. A late episode that may still be going on is recorded as a
past incident. It rings when newer values arrive in time and are still beyond the limit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from fleet.alerts.made.changes import limits_of
from fleet.alerts.made.conditions.base import JudgedValue
from fleet.alerts.made.hours import RuleHours
from fleet.alerts.made.judge import Episode, RuleTarget, Start, judge
from fleet.alerts.made.values import JudgedHours
from fleet.alerts.models.made import AlertRule, RuleState
from fleet.core.models import Outage

#: Values younger than this on arrival are never late.
LATE_FROM: Final = timedelta(hours=1)
_INTERVALS: Final = 1.5
#: Maximum past episodes that one pass records per rule and series; any further ones are joined to the last.
PAST_MOST: Final = 20


@dataclass(slots=True)
class Found:
    """The findings of one pass: episodes that ring now, are over, or are past, and the new states (None: well)."""

    opened: list[tuple[RuleTarget, Episode]] = field(default_factory=list)
    closed: list[tuple[RuleTarget, Episode]] = field(default_factory=list)
    past: list[tuple[RuleTarget, Episode]] = field(default_factory=list)
    states: dict[RuleTarget, RuleState | None] = field(default_factory=dict)


class JudgedPlace(NamedTuple):
    """The time zone of a station's place, and how late its values may be."""

    zone: tzinfo
    allowance: timedelta


def allowance_of(interval_s: float | None) -> timedelta:
    """How late a station's values may be, given its announced or configured interval."""
    return max(LATE_FROM, timedelta(seconds=(interval_s or 0.0) * _INTERVALS))


def stretch_judge(stretch: JudgedHours, place: JudgedPlace, outages: Sequence[Outage], found: Found) -> None:
    """Judge one stretch, and add the result to `found`."""
    first, rule = stretch.first, stretch.rule
    target = RuleTarget(rule, first.station_id, first.series_id, first.name, rule.unit or first.unit)
    start = None if first.phase is None or first.since is None else Start(first.phase, first.since)
    points = stretch.points
    if start is not None and start.since < stretch.stop:
        # Judge the values from before the state began separately.
        before = [point for point in points if point.at < start.since]
        points = [point for point in points if point.at >= start.since]
        _past_add(target, _judged(rule, before, None, place)[0], found)
    elif start is not None:
        start = None
        _past_add(target, _judged(rule, points, None, place)[0], found)
        return
    if not points:
        return
    episodes, after = _judged(rule, points, start, place)
    in_time = is_in_time(points[-1].at, stretch.noted_at, place.allowance, outages)
    last = episodes.pop() if stretch.is_newest and episodes and episodes[-1].ended_at is None else None
    known = [episode for episode in episodes if episode.is_known and not first.is_late]
    found.closed += [(target, episode) for episode in known]
    _past_add(target, [episode for episode in episodes if episode not in known], found)
    is_late = False
    if last is not None and not (last.is_known and not first.is_late):
        is_late = not in_time
        if in_time:
            found.opened.append((target, last))
        else:
            _past_add(target, [last], found)
    if stretch.is_newest or start is not None:
        state = None
        if after is not None:
            state = RuleState(
                rule=rule, station_id=first.station_id, series_id=first.series_id, phase=after.phase,
                since=after.since, is_late=is_late,
            )  # fmt: skip
        found.states[target] = state


def _judged(
    rule: AlertRule, points: Sequence[JudgedValue], start: Start | None, place: JudgedPlace
) -> tuple[list[Episode], Start | None]:
    hours = RuleHours.of(rule)
    verdict = judge(
        points,
        limits_of(rule),
        hold=timedelta(seconds=rule.for_s),
        start=start,
        is_active=lambda moment: hours.has(moment, place.zone),
    )
    return verdict.episodes, verdict.after


def _past_add(target: RuleTarget, episodes: Iterable[Episode], found: Found) -> None:
    for number, episode in enumerate(episodes):
        if number < PAST_MOST:
            found.past.append((target, episode))
        else:
            joined = found.past[-1][1]
            joined.last, joined.ended_at, joined.end = episode.last, episode.ended_at, episode.end


def is_in_time(at: datetime, noted_at: datetime, allowance: timedelta, outages: Sequence[Outage]) -> bool:
    """Whether a value came soon enough; our own downtime does not count."""
    away = sum(
        (max(min(one.ended_at, noted_at) - max(one.started_at, at), timedelta()) for one in outages), timedelta()
    )
    return noted_at - at - away <= allowance
