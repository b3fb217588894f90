"""Pulses of a port are compared with the same hours of the two weeks before, and nothing is claimed without history."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from people import station_of

from fleet.stations.models import StationDay
from fleet.telemetry.heard.noise import Loudness, port_noise
from fleet.telemetry.models import DetectionCount

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def station(institute):
    return station_of(institute)


def fill(station, *, port=1, days, usual, today):
    """Pulses in every hour: `usual(hour of the day)` on the days before, and `today(…)` in the last 24 hours."""
    rows, heard = [], defaultdict(int)
    for back in range(24 * (days + 1)):
        hour = NOON - (back + 1) * HOUR
        count = today(hour.hour) if back < 24 else usual(hour.hour)
        if count:
            rows.append(DetectionCount(station=station, hour=hour, port=port, kind=1, count=count))
        heard[hour.date()] |= 1 << hour.hour
    for day, bits in heard.items():
        StationDay.objects.update_or_create(station=station, day=day, defaults={"heard": bits})
    DetectionCount.objects.bulk_create(rows)


def only(station):
    (noise,) = port_noise(station=station, end=NOON + HOUR / 2)
    return noise


def test_fifteen_times_the_usual_is_noisy(station):
    fill(station, days=14, usual=lambda _hour: 100, today=lambda _hour: 1_500)
    noise = only(station)
    assert (noise.port, noise.pulses, noise.usual, noise.hours) == (1, 36_000, 2_400, 24)
    assert (noise.times, noise.loudness) == (15, Loudness.NOISY)


def test_nights_are_compared_with_nights(station):
    """A port that hears 40 times as much at night as by day is as usual as long as it does so every day."""
    fill(station, days=14, usual=lambda hour: 4_000 if hour < 6 else 100, today=lambda hour: 4_000 if hour < 6 else 100)
    assert only(station).loudness is Loudness.USUAL


def test_one_wild_day_does_not_move_the_normal(station):
    fill(station, days=14, usual=lambda _hour: 100, today=lambda _hour: 110)
    DetectionCount.objects.filter(hour__gte=NOON - 3 * 24 * HOUR, hour__lt=NOON - 2 * 24 * HOUR).update(count=900_000)
    assert only(station).usual == 2_400


def test_far_fewer_pulses_than_usual_are_quiet(station):
    fill(station, days=14, usual=lambda _hour: 1_000, today=lambda _hour: 3)
    assert only(station).loudness is Loudness.QUIET


def test_a_port_that_went_dead_is_quiet_too(station):
    fill(station, days=14, usual=lambda _hour: 1_000, today=lambda _hour: 0)
    noise = only(station)
    assert (noise.pulses, noise.loudness) == (0, Loudness.QUIET)


def test_many_times_almost_nothing_is_no_noise(station):
    fill(station, days=14, usual=lambda _hour: 1, today=lambda _hour: 30)
    assert only(station).loudness is Loudness.USUAL


def test_with_too_few_days_nothing_is_claimed(station):
    fill(station, days=4, usual=lambda _hour: 100, today=lambda _hour: 9_000)
    noise = only(station)
    assert (noise.usual, noise.days, noise.loudness) == (None, 4, Loudness.UNKNOWN)
    assert noise.pulses == 24 * 9_000


def test_hours_without_data_are_neither_quiet_nor_normal(station):
    """A station that was away for ten of fourteen days, and for twelve of the last hours."""
    fill(station, days=14, usual=lambda _hour: 100, today=lambda _hour: 100)
    away = DetectionCount.objects.filter(hour__gte=NOON - 12 * 24 * HOUR, hour__lt=NOON - 4 * 24 * HOUR)
    away.delete()
    StationDay.objects.filter(day__gt=(NOON - 13 * 24 * HOUR).date(), day__lt=(NOON - 4 * 24 * HOUR).date()).update(
        heard=0
    )
    DetectionCount.objects.filter(hour__gte=NOON - 12 * HOUR).delete()
    StationDay.objects.filter(day=NOON.date()).update(heard=0)
    noise = only(station)
    assert noise.hours == 12
    assert noise.loudness is Loudness.USUAL


def test_each_port_has_its_own_normal_and_tags_are_no_pulses(station):
    fill(station, port=1, days=14, usual=lambda _hour: 100, today=lambda _hour: 100)
    fill(station, port=2, days=14, usual=lambda _hour: 50, today=lambda _hour: 5_000)
    DetectionCount.objects.create(station=station, hour=NOON - HOUR, port=7, kind=2, count=10**9)
    found = {noise.port: noise.loudness for noise in port_noise(station=station, end=NOON)}
    assert found == {1: Loudness.USUAL, 2: Loudness.NOISY}
    assert [noise.port for noise in port_noise(station=station, end=NOON, port=2)] == [2]
