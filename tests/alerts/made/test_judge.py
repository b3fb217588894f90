"""The judge, hours and seasons: values go in, episodes come out; no services are needed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from fleet.alerts.made.conditions import conditions
from fleet.alerts.made.conditions.base import JudgedValue, Limits, spans, whole_spans
from fleet.alerts.made.hours import RuleHours
from fleet.alerts.made.judge import Start, judge

BEGAN = datetime(2026, 5, 1, tzinfo=UTC)
HOT = Limits(high=30.0, clear_high=28.0)


def points(*values, minutes=10):
    return [JudgedValue(BEGAN + timedelta(minutes=minutes * place), value) for place, value in enumerate(values)]


def shape(verdict):
    """Begin and end of each episode in steps, and the phase afterwards."""

    def step(moment):
        return None if moment is None else (moment - BEGAN) / timedelta(minutes=10)

    return [(step(one.began_at), step(one.ended_at)) for one in verdict.episodes], verdict.after and verdict.after.phase


@pytest.mark.parametrize(
    ("values", "hold", "expected"),
    [
        ((20, 31, 29, 27), 0, ([(1, 3)], None)),
        # A value between the two limits begins nothing and ends nothing.
        ((29, 31, 29, 31, 29), 0, ([(1, None)], "ringing")),
        ((31, 27, 31, 27), 0, ([(0, 1), (2, 3)], None)),
        ((31, 31, 31), 20, ([(0, None)], "ringing")),
        ((31, 31), 20, ([], "pending")),
        # One value is not beyond the limit, so the wait starts again.
        ((31, 31, 29, 31, 31), 20, ([], "pending")),
        ((30, 30), 0, ([], None)),
        ((), 0, ([], None)),
    ],
)
def test_a_rule_rings_when_it_holds_for_long_enough_and_until_it_is_clear(values, hold, expected):
    assert shape(judge(points(*values), HOT, hold=timedelta(minutes=hold))) == expected


def test_what_rang_before_goes_on():
    verdict = judge(points(29, 27), HOT, hold=timedelta(), start=Start("ringing", BEGAN - timedelta(minutes=10)))
    assert shape(verdict) == ([(-1, 1)], None)
    assert verdict.episodes[0].is_known
    pending = Start("pending", BEGAN - timedelta(minutes=10))
    assert shape(judge(points(31, 31), HOT, hold=timedelta(minutes=20), start=pending)) == ([(-1, None)], "ringing")


@pytest.mark.parametrize(
    ("name", "values", "beyond", "clear"),
    [
        ("above", {"high": 5.0, "clear_high": 4.0}, [5.1], [4.0, -9.0]),
        ("below", {"low": 5.0, "clear_low": 6.0}, [4.9], [6.0, 99.0]),
        ("outside", {"low": 1.0, "high": 5.0, "clear_low": 2.0, "clear_high": 4.0}, [0.9, 5.1], [2.0, 4.0]),
        ("flat", {"high": 0.0}, [0.0], [0.1]),
        ("changing", {"high": 2.0}, [2.1], [2.0]),
    ],
)
def test_conditions_know_what_is_beyond_and_what_is_clear(name, values, beyond, clear):
    limits = conditions()[name].limits(values)
    assert all(limits.is_beyond(value) and not limits.is_clear(value) for value in beyond)
    assert all(limits.is_clear(value) and not limits.is_beyond(value) for value in clear)


def test_differences_are_those_of_the_time_before():
    found = spans(points(1, 4, 2, 2, 2, 9), timedelta(minutes=20))
    assert [point.value for point in found] == [3, 3, 2, 0, 7]
    # Values 90 minutes apart say nothing about the hour between them.
    assert whole_spans(points(1, 1, minutes=90), timedelta(hours=1)) == []
    assert [point.value for point in whole_spans(points(*[5] * 7), timedelta(hours=1))] == [0, 0]


BERLIN = ZoneInfo("Europe/Berlin")


def test_hours_that_clocks_skip_and_repeat():
    """From two to three at night: on 29 March Berlin has no such hour, on 25 October it has two."""
    hours = RuleHours((time(2), time(3)), None)

    def number(day):
        start = datetime(2026, *day, tzinfo=BERLIN).astimezone(UTC)
        return sum(hours.has(start + timedelta(minutes=10 * step), BERLIN) for step in range(150)) / 6

    assert [number(day) for day in ((3, 28), (3, 29), (10, 24), (10, 25))] == [1, 0, 1, 2]


def test_hours_and_seasons_may_cross_midnight_and_new_year():
    night = RuleHours((time(22), time(6)), ("11-01", "02-29"))
    inside = [(11, 1, 22), (12, 31, 23), (1, 1, 0), (2, 28, 5)]
    outside = [(11, 1, 21), (1, 1, 6), (3, 1, 2), (10, 31, 23)]
    assert all(night.has(datetime(2026, *moment, tzinfo=BERLIN), BERLIN) for moment in inside)
    assert not any(night.has(datetime(2026, *moment, tzinfo=BERLIN), BERLIN) for moment in outside)
    # A value outside the hours begins no episode, but can end one.
    quiet = judge(points(31, 31), HOT, hold=timedelta(), is_active=lambda _moment: False)
    assert shape(quiet) == ([], None)
    start = Start("ringing", BEGAN - timedelta(minutes=10))
    assert shape(judge(points(31, 27), HOT, hold=timedelta(), start=start, is_active=lambda _moment: False)) == (
        [(-1, 1)],
        None,
    )
