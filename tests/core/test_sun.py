"""Nights agree with a larger library to a few minutes, also where the sun does not rise or set."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from fleet.core.sun import nights

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("latitude", "longitude", "day", "sunrise", "sunset"),
    [
        # As the library astral 3.2 computes them, in UTC.
        (42.56, -80.29, datetime(2026, 10, 14, 12, tzinfo=UTC), (11, 33), (22, 40)),
        (50.80, 8.77, datetime(2026, 6, 21, 0, tzinfo=UTC), (3, 12), (19, 42)),
        (-33.87, 151.21, datetime(2026, 12, 21, 0, tzinfo=UTC), (18, 41), (9, 5)),
    ],
)
def test_the_sun_rises_and_sets_when_they_should(latitude, longitude, day, sunrise, sunset):
    dark = nights(latitude=latitude, longitude=longitude, start=day - DAY, end=day + DAY)
    assert 2 <= len(dark) <= 3
    begin, stop = dark[1]
    for at, (hour, minute) in ((begin, sunset), (stop, sunrise)):
        off = (at.hour * 60 + at.minute - hour * 60 - minute + 720) % 1_440 - 720
        assert abs(off) <= 4, f"{at}"


def test_a_polar_night_is_one_night_and_a_polar_day_none():
    winter, summer = datetime(2026, 12, 15, tzinfo=UTC), datetime(2026, 6, 15, tzinfo=UTC)
    assert nights(latitude=78.2, longitude=15.6, start=winter, end=winter + 7 * DAY) == [(winter, winter + 7 * DAY)]
    assert nights(latitude=78.2, longitude=15.6, start=summer, end=summer + 7 * DAY) == []


def test_a_week_has_seven_or_eight_nights_that_do_not_overlap():
    start = datetime(2026, 3, 29, tzinfo=UTC)
    dark = nights(latitude=42.56, longitude=-80.29, start=start, end=start + 7 * DAY)
    assert 7 <= len(dark) <= 8
    assert all(stop < begin for (_, stop), (begin, _) in pairwise(dark))
