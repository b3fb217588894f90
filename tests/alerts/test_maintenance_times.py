"""Times of planned maintenance: clock changes, refused rules, and rules that would search for ever."""

# ruff: noqa: DTZ001 - times of clocks on the wall have no offset

import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from fleet.alerts.maintenance.recurrence import wall_times
from fleet.alerts.maintenance.rrule import FREQUENCIES, WEEKDAYS, rrule_read
from fleet.alerts.maintenance.times import Schedule, occurrences, schedule_read, wall_moment
from fleet.core.errors import InvalidInput

BERLIN, TORONTO = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Toronto")
HALF_PAST_TWO = datetime(2026, 12, 1, 2, 30)
HOUR = timedelta(hours=1)


def read(rule, *, starts=HALF_PAST_TWO, minutes=90):
    return schedule_read(starts=starts, duration=timedelta(minutes=minutes), zone=BERLIN, rrule=rule)


@pytest.mark.parametrize(
    ("zone", "local", "moment"),
    [
        # In the hour that does not exist, the first moment after it.
        (BERLIN, datetime(2027, 3, 28, 2, 30), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        (TORONTO, datetime(2027, 3, 14, 2, 30), datetime(2027, 3, 14, 7, 0, tzinfo=UTC)),
        (ZoneInfo("Australia/Lord_Howe"), datetime(2026, 10, 4, 2, 15), datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        (ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 12), datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
        # In the hour that comes twice, its first time.
        (BERLIN, datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (TORONTO, datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        # On all other days.
        (BERLIN, datetime(2026, 12, 1, 2, 30), datetime(2026, 12, 1, 1, 30, tzinfo=UTC)),
        (BERLIN, datetime(2027, 3, 28, 3, 0), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
        (BERLIN, datetime(2027, 3, 28, 1, 59), datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
    ],
)
def test_a_time_on_the_clock_has_its_moment_also_where_clocks_change(zone, local, moment):
    assert wall_moment(local, zone) == moment


def test_a_daily_window_goes_through_both_changes_of_the_clocks():
    daily = Schedule(datetime(2026, 10, 20, 2, 30), timedelta(minutes=90), BERLIN, "FREQ=DAILY")
    autumn = itertools.islice(occurrences(daily, after=datetime(2026, 10, 24, 12, tzinfo=UTC)), 2)
    assert [(one.opens_at.isoformat(), one.closes_at.isoformat()) for one in autumn] == [
        # 02:30 in summer time; it lasts 90 minutes, so the clocks show 03:00 at its end.
        ("2026-10-25T00:30:00+00:00", "2026-10-25T02:00:00+00:00"),
        ("2026-10-26T01:30:00+00:00", "2026-10-26T03:00:00+00:00"),
    ]
    spring = itertools.islice(occurrences(daily, after=datetime(2027, 3, 27, 12, tzinfo=UTC)), 2)
    assert [(one.opens_at.isoformat(), one.closes_at.isoformat()) for one in spring] == [
        ("2027-03-28T01:00:00+00:00", "2027-03-28T02:30:00+00:00"),
        ("2027-03-29T00:30:00+00:00", "2027-03-29T02:00:00+00:00"),
    ]


def test_the_first_occurrence_is_the_one_under_way():
    once = Schedule(HALF_PAST_TWO, HOUR, BERLIN)
    opens_at = datetime(2026, 12, 1, 1, 30, tzinfo=UTC)
    assert [one.opens_at for one in occurrences(once, after=opens_at + HOUR / 2)] == [opens_at]
    assert list(occurrences(once, after=opens_at + HOUR)) == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=SECONDLY", "every hour at most"),
        ("FREQ=MINUTELY;INTERVAL=5", "every hour at most"),
        ("FREQ=DAILY;COUNT=1001", "COUNT must be a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be"),
        ("FREQ=DAILY;COUNT=\u00b2", "COUNT must be"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be"),
        ("FREQ=DAILY\nFREQ=WEEKLY", "one line"),
        ("RRULE:FREQ=DAILY\r\nEXDATE:20261224T020000Z", "one line"),
        ("every day", "cannot be part"),
        ("FREQ=DAILY;FREQ=WEEKLY", "cannot be part"),
        ("FREQ=DAILY;BYSECOND=1", "cannot be part"),
        ("FREQ=YEARLY;BYYEARDAY=100", "cannot be part"),
        ("INTERVAL=2", "Say how often"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "not both"),
        ("FREQ=DAILY;UNTIL=20261301", "UNTIL must be"),
        ("FREQ=DAILY;UNTIL=20200101", "never takes place"),
        ("FREQ=DAILY;BYDAY=XX", "BYDAY must be weekdays"),
        ("FREQ=WEEKLY;BYDAY=2TU", "needs FREQ=MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "does not go with"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=9", "BYSETPOS needs"),
        ("FREQ=DAILY;BYHOUR=99", "BYHOUR must be"),
        ("FREQ=HOURLY", "before it is over"),
        ("FREQ=DAILY;BYMONTH=" + ",".join(["12"] * 80), "at most 200 characters"),
    ],
)
def test_a_bad_rule_is_refused_with_a_sentence(rule, words):
    with pytest.raises(InvalidInput, match=words) as refused:
        read(rule)
    assert refused.value.field == "rrule"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;COUNT=1000;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        "FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
    ],
)
def test_a_rule_that_never_comes_is_refused_and_not_searched_for_ever(rule):
    began = time.process_time()
    with pytest.raises(InvalidInput, match="never takes place"):
        read(rule)
    # The library alone searches to the year 9999: minutes for some of these.
    assert time.process_time() - began < 2.0


def test_rules_without_an_end_are_read_lazily_also_after_many_years():
    old = Schedule(datetime(2016, 12, 1, 2, 30), HOUR, BERLIN, "FREQ=HOURLY;INTERVAL=5")
    began = time.process_time()
    coming = next(occurrences(old, after=datetime(2026, 12, 1, 12, tzinfo=UTC)))
    assert (coming.opens_at, time.process_time() - began < 0.2) == (datetime(2026, 12, 1, 13, 30, tzinfo=UTC), True)
    leap = read("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    assert next(occurrences(leap, after=datetime(2026, 12, 1, tzinfo=UTC))).opens_at.date().isoformat() == "2028-02-29"


def test_a_rule_is_kept_in_its_shortest_form():
    assert read(" rrule:freq=weekly;byday=tu,th; ").rrule == "FREQ=WEEKLY;BYDAY=TU,TH"
    assert read("FREQ=DAILY;UNTIL=20270101T000000Z").rrule == "FREQ=DAILY;UNTIL=20270101T000000Z"
    assert read("").rrule == ""


def test_an_end_in_utc_is_on_the_clocks_of_the_place():
    last = read("FREQ=DAILY;UNTIL=20261203T013000Z")
    assert [one.opens_at.day for one in occurrences(last, after=datetime(2026, 12, 1, tzinfo=UTC))] == [1, 2, 3]
    last = read("FREQ=DAILY;UNTIL=20261203T012959Z")
    assert [one.opens_at.day for one in occurrences(last, after=datetime(2026, 12, 1, tzinfo=UTC))] == [1, 2]


def _some_rule(dice):
    frequency = dice.choice(FREQUENCIES)
    parts = [f"FREQ={frequency}"]
    if dice.random() < 0.6:
        parts.append(f"INTERVAL={dice.randint(1, 4)}")
    if dice.random() < 0.3:
        parts.append("BYMONTH=" + ",".join(map(str, sorted(dice.sample(range(1, 13), 4)))))
    if frequency != "WEEKLY" and dice.random() < 0.3:
        parts.append("BYMONTHDAY=" + ",".join(map(str, dice.sample([1, 2, 13, 15, 28, 29, 30, 31, -1, -2, -31], 3))))
    if dice.random() < 0.4:
        days = dice.sample(WEEKDAYS, dice.randint(2, 5))
        if frequency == "MONTHLY" and dice.random() < 0.5:
            days = [f"{dice.choice([1, 2, 5, -1, -5])}{day}" for day in days]
        parts.append("BYDAY=" + ",".join(days))
    if frequency == "MONTHLY" and dice.random() < 0.3:
        parts.append("BYSETPOS=" + dice.choice(["1", "-1", "2,-2"]))
    parts += [part for part in ("BYHOUR=3,17", "BYMINUTE=0,30", "WKST=SU") if dice.random() < 0.2]
    parts += dice.choice([[f"COUNT={dice.randint(1, 40)}"], ["UNTIL=20281231T000000"], []])
    return ";".join(parts)


def test_rules_mean_what_the_library_says_they_mean():
    dice, compared = random.Random(7), 0
    while compared < 300:
        text, starts = _some_rule(dice), datetime(2026, dice.randint(1, 12), dice.randint(1, 28), 2, 30)
        try:
            rule = rrule_read(text, BERLIN)
        except InvalidInput:
            continue
        try:
            whole = rrulestr(text, dtstart=starts)
        except ValueError:
            # The library refuses such a rule as empty; ours finds no time for it.
            assert not list(wall_times(rule, starts=starts, after=starts))
            continue
        for after in (starts, starts + timedelta(days=200)):
            until = after + timedelta(days=390)
            wanted = [at for at in itertools.islice(whole.xafter(after, inc=True), 9) if at < until]
            found = (at for at in wall_times(rule, starts=starts, after=after) if at >= after)
            assert [at for at in itertools.islice(found, 9) if at < until] == wanted, text
        compared += 1
