"""Small drawings are accurate: bars are linear, lines have gaps, and the strip of a week counts what it draws."""

import re

import pytest

from fleet.core import clock
from fleet.stations.contact.hours import Hours
from fleet.telemetry.condition.batteries import BatteryWeek
from sg_status.bars import bar_scale
from sg_status.templatetags.drawings import battery_spark, reach_bar, week_strip


def length_of(value: int, scale: int) -> float:
    return float(re.findall(r'class="bar" d="M0 0h([\d.]+)v', reach_bar(value, scale))[0])


@pytest.mark.parametrize(("value", "length"), [(0, 0), (250, 18), (500, 36), (1_000, 72)])
def test_half_as_many_detections_are_half_as_long_a_bar(value, length):
    assert length_of(value, 1_000) == length


def test_one_of_a_million_is_seen_and_nothing_of_nothing_is_not():
    assert length_of(1, 1_000_000) == 1
    assert length_of(0, 0) == 0


def test_what_is_far_beyond_the_others_breaks_out_of_the_scale_and_says_so():
    values = [214, 1_904, 8_887, 11_901, 13_417, 4_369, 147_680]
    scale = bar_scale(values)
    assert scale == 15_000
    assert "far above the scale of 15\u202f000" in reach_bar(147_680, scale)
    assert (bar_scale([]), bar_scale([0, 0]), bar_scale([1]), bar_scale([7, 3])) == (0, 0, 1, 8)
    assert bar_scale([10**9, 2 * 10**9]) == 2 * 10**9


def test_a_battery_s_line_has_gaps_and_a_steady_battery_looks_steady():
    drawn = battery_spark(BatteryWeek(12.5, (12.5, 12.6, None, 12.5, *[12.6] * 24)))
    path = re.findall(r'd="([^"]+)"', drawn)[0]
    assert path.count("M") == 2
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert max(heights) - min(heights) < 2
    assert battery_spark(BatteryWeek(12.5, ())) == ""


@pytest.mark.parametrize(
    ("steps", "newest", "is_falling"),
    [
        ([12.8] * 28, 12.3, True),
        ([12.8] * 28, 12.75, False),
        ([None] * 27 + [12.8], 11.9, False),
        ([*[12.8] * 20, 12.1, *[None] * 7], None, True),
        ([], 11.0, False),
    ],
)
def test_a_battery_falls_if_it_is_lower_than_at_the_same_time_of_the_day_before(steps, newest, is_falling):
    assert BatteryWeek(newest, tuple(steps)).is_falling == is_falling


def test_the_strip_of_a_week_draws_each_kind_in_its_own_height_and_counts_it():
    kinds = (*["heard"] * 100, *["missing"] * 3, *["later"] * 5, *["asleep"] * 50, *["down"] * 2, *[""] * 8)
    drawn = week_strip(Hours(clock.now(), kinds))
    assert '<path class="c0" d="M100 5.5h3v3h-3z"/>' in drawn
    assert '<path class="c1" d="M0 2h100v10h-100z"/>' in drawn
    words = "Last 7 days: 100 hours received, 5 hours came later, 3 hours missing, 50 hours asleep by plan, 2 hours Roost was down"
    assert words in drawn
