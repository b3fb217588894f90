"""Drawings of detections are honest: linear, blank for zero, hatched without data, and broken beyond their scale."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from fleet.telemetry.heard.question import HOUR, Parts, parts_of
from sg_status.pages.detections.drawing import STEPS, axis_of, bars_of, heat_of, scale_of

NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)
TEN = Parts(NOON, HOUR, 10)


def heights(path: str) -> list[float]:
    return [100 - float(top) for top in re.findall(r"100V([\d.]+)h", path)]


def starts(path: str) -> list[float]:
    return [float(x) for x in re.findall(r"M([\d.]+) ", path)]


def test_half_as_many_are_half_as_high_and_nothing_is_no_bar():
    bars = bars_of([0, 50, 100, 0, 25, 0, 0, 0, 0, 0], TEN)
    assert bars.top == 100
    assert heights(bars.path) == [50, 100, 25]
    assert starts(bars.path) == [100, 200, 400]
    assert bars.beyond == []


def test_a_single_wild_hour_is_broken_and_named_and_leaves_the_others_their_height():
    values = [40, 38, 40, 36, 39, 40, 41, 37, 9_000, 38]
    bars = bars_of(values, TEN)
    assert bars.top < 100
    assert [(one.at, one.value) for one in bars.beyond] == [(NOON + 8 * HOUR, 9_000)]
    # Two pieces with a gap between them.
    assert len(re.findall("M800 ", bars.path)) == 2
    assert heights(bars.path)[0] == pytest.approx(40 / bars.top * 100, abs=0.1)


def test_a_few_large_ones_among_few_are_the_scale_itself():
    assert scale_of([1, 1, 50]) == 50
    assert scale_of([]) == scale_of([0, 0]) == 1
    assert scale_of(range(1, 101)) == 100


def test_five_steps_are_linear_and_zero_is_blank():
    heat = heat_of([("1", 1, [0, 1, 20, 21, 40, 41, 60, 80, 81, 100], None)], TEN)
    (row,) = heat.rows
    assert [opacity for opacity, _path in row.steps] == list(STEPS)
    assert [starts(path) for _opacity, path in row.steps] == [
        [100, 200],
        [300, 400],
        [500, 600],
        [700],
        [800, 900],
    ]
    assert (heat.darkest, row.total, heat.is_missing) == (81, 444, False)


def test_all_strips_have_one_scale():
    heat = heat_of([("1", 1, [100] * 10, None), ("2", 2, [5] * 10, None)], TEN)
    assert [[opacity for opacity, _ in row.steps] for row in heat.rows] == [[STEPS[-1]], [STEPS[0]]]


def test_stretches_without_data_are_hatched_and_hours_with_data_but_nothing_heard_are_blank():
    heat = heat_of([("1", 1, [5, 0, 0, 0, 0, 0, 0, 0, 0, 5], {0, 1, 2, 6, 9})], TEN)
    (row,) = heat.rows
    assert [(one.x, one.width) for one in row.missing] == [("30.00%", "30.00%"), ("70.00%", "20.00%")]
    assert heat.is_missing


@pytest.mark.parametrize(
    ("span", "step"),
    [(timedelta(hours=24), 1), (timedelta(days=7), 1), (timedelta(days=30), 6), (timedelta(days=365), 72)],
)
def test_a_span_is_cut_into_parts_that_cover_it_and_fit_a_page(span, step):
    start = NOON + timedelta(minutes=35)
    parts = parts_of(start, start + span)
    assert (parts.step, parts.count <= 170) == (step * HOUR, True)
    assert parts.start <= start < parts.start + HOUR
    assert parts.end >= start + span
    assert parts.place(start + span - timedelta(seconds=1)) == parts.count - 1


def test_days_on_the_axis_begin_at_the_readers_midnight():
    with timezone.override("America/Toronto"):
        axis = axis_of(Parts(NOON, HOUR, 7 * 24), NOON + timedelta(days=3), (42.6, -80.4))
    assert axis.ticks[0].label == "Thu 15"
    # 04:00 UTC is midnight in Toronto in October.
    assert axis.ticks[0].x == f"{16 / (7 * 24) * 100:.2f}%"
    assert axis.now == f"{3 / 7 * 100:.2f}%"
    assert len(axis.nights) in (7, 8)


def test_a_year_has_months_and_no_nights():
    axis = axis_of(parts_of(NOON - timedelta(days=365), NOON), NOON, (42.6, -80.4))
    assert axis.nights == []
    assert 3 <= len(axis.ticks) <= 8
    assert axis.ticks[0].label.endswith(("2025", "2026"))
