"""Late readings of a cold month: beside its file at first, merged with it a day later, each of them accounted for."""

import random
from datetime import timedelta

import pytest
from telemetry.cold_months import (
    APRIL,
    FEBRUARY,
    MARCH,
    MINUTE,
    cold,
    hot_count,
    late_store,
    merged,
    months_fill,
    moved,
    rows_of,
)
from telemetry.stored_readings import NOON, readings_store, series_make

from fleet.core.models import AuditEntry
from fleet.telemetry import selectors
from fleet.telemetry.cold.services import cold_held
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.keeping.models import RetentionRule, SeriesTally
from fleet.telemetry.keeping.rules import Kept, rule_set
from fleet.telemetry.models import Reading, ReadingHour, StationEvent, Suspicion
from fleet.telemetry.rollups import rollups_rebuild

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
HOUR, DAY, US = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
MARK = Suspicion.SAME_MOMENT.value


def found(series, start=FEBRUARY, end=MARCH) -> list[tuple]:
    return [(p.at, p.value, p.flags) for p in selectors.readings(series=series, start=start, end=end)]


@pytest.fixture
def series(institute):
    """February with a reading an hour, cold."""
    made = series_make(institute)
    readings_store(made, [(FEBRUARY + n * HOUR, float(n)) for n in range(28 * 24)])
    rollups_rebuild(settled_s=0)
    assert (moved().rows, hot_count(made)) == (28 * 24, 0)
    return made


def test_repeats_are_known_others_are_kept_and_the_sum_is_right(series):
    before = found(series)
    late = [(FEBRUARY, 0.0), (FEBRUARY + HOUR, 1.5), (FEBRUARY + MINUTE, 7.0)]
    late_store(series, late)
    done = merged()
    assert (done.months, done.rows, done.known, done.moved, done.left_out) == (1, 2, 1, 1, 0)
    assert done.known + done.rows + done.left_out == len(late)
    assert hot_count(series) == 0
    new = {(FEBRUARY + MINUTE, 7.0, 0), (FEBRUARY + HOUR + US, 1.5, MARK)}
    assert found(series) == sorted([*before, *new])
    # The same once more: everything is known.
    late_store(series, late)
    done = merged()
    assert (done.rows, done.known, done.moved) == (0, 3, 0)
    assert found(series) == sorted([*before, *new])
    held = cold_held()[0]
    assert (held.files, held.rows, held.known, held.moved) == (1, 28 * 24 + 2, 4, 1)
    entry = AuditEntry.objects.filter(action="cold.run").latest("id")
    assert (entry.detail["known"], entry.organization_id) == (3, series.station.organization_id)


def test_roll_ups_of_late_rows_are_made_of_both_and_stay_so(series):
    late_store(series, [(FEBRUARY + MINUTE, 8.0), (FEBRUARY, 0.0), (FEBRUARY + HOUR, 1.5)])
    for _act in (lambda: None, lambda: rollups_rebuild(settled_s=0)):
        _act()
        first = selectors.readings(series=series, start=FEBRUARY, end=FEBRUARY + 3 * HOUR, every=HOUR)
        assert [(p.count, p.value) for p in first] == [(2, 4.0), (1, 1.0), (1, 2.0)]
    assert ReadingHour.objects.get(start=FEBRUARY).count == 2
    merged()
    for _act in (lambda: None, lambda: rollups_rebuild(settled_s=0)):
        _act()
        first = selectors.readings(series=series, start=FEBRUARY, end=FEBRUARY + 3 * HOUR, every=HOUR)
        assert [(p.count, p.value) for p in first] == [(2, 4.0), (2, 1.25), (1, 2.0)]
        day = selectors.readings(series=series, start=FEBRUARY, end=FEBRUARY + DAY, every=DAY)
        assert day[0].count == 26


def test_several_values_of_a_moment_and_one_without_a_place(series):
    # Late rows that ingest moved beside each other, in another order than at first.
    late_store(series, [(FEBRUARY, 5.0), (FEBRUARY + US, 0.0, MARK), (FEBRUARY + 2 * US, 6.0, MARK)])
    done = merged()
    assert (done.known, done.moved, done.rows) == (1, 1, 2)
    assert [value for _at, value, _flags in found(series, end=FEBRUARY + MINUTE)] == [0.0, 6.0, 5.0]
    late_store(series, [(FEBRUARY + HOUR + n * US, 1_000.0 + n, MARK) for n in range(1, 1_000)])
    late_store(series, [(FEBRUARY + HOUR, -1.0)])
    done = merged()
    assert (done.rows, done.left_out) == (999, 1)
    told = StationEvent.objects.get(name="values_left_out")
    assert (told.data["count"], told.data["series"]) == (1, "temp")


def test_any_history_of_late_rows_ends_as_if_all_had_come_in_time(institute):
    chance = random.Random(7)
    made = series_make(institute)
    moments = [FEBRUARY + n * MINUTE for n in range(400)]
    chance.shuffle(moments)
    kept = {}
    for turn in range(5):
        some = [(at, round(chance.random(), 3)) for at in moments[turn * 80 : turn * 80 + 80]]
        again = chance.sample(sorted(kept.items()), min(len(kept), 30))
        late_store(
            made,
            [*some, *(row for row in again if not Reading.objects.filter(series=made, occurred_at=row[0]).exists())],
        )
        kept.update(some)
        if turn % 2 == 0:
            merged()
        assert [(at, value) for at, value, _flags in found(made)] == sorted(kept.items()), turn
        rollups_rebuild(settled_s=0)
        counts = sum(p.count for p in selectors.readings(series=made, start=FEBRUARY, end=MARCH, every=HOUR))
        assert counts == len(kept), turn
    merged()
    assert hot_count(made) == 0


def test_a_month_is_rewritten_once_a_day_and_stations_take_turns(institute, monkeypatch):
    many, few = series_make(institute), series_make(institute)
    months_fill(many, end=APRIL, step="12 hours")
    months_fill(few, start=MARCH, end=APRIL, step="12 hours")
    assert moved().months == 3
    late_store(few, [(MARCH + MINUTE, 1.0)])
    assert moved().months == 0
    late_store(many, [(FEBRUARY + MINUTE, 1.0), (MARCH + MINUTE, 1.0)])
    order = []
    monkeypatch.setattr("fleet.telemetry.cold.services._move", lambda month, _done: order.append(month.station_id))
    merged()
    assert order == [many.station_id, few.station_id, many.station_id]


def test_nothing_becomes_cold_unless_it_is_asked_for_and_late_rows_are_merged_even_then(institute, settings):
    settings.ROOST_COLD_AFTER_MONTHS = 0
    made = series_make(institute)
    months_fill(made, end=MARCH, step="12 hours")
    assert (moved().months, ColdFile.objects.count()) == (0, 0)
    settings.ROOST_COLD_AFTER_MONTHS = 6
    readings_store(made, [(NOON - 100 * DAY, 1.0)])
    assert (moved().months, hot_count(made)) == (1, 1)
    settings.ROOST_COLD_AFTER_MONTHS = 0
    late_store(made, [(FEBRUARY + MINUTE, 5.0)])
    assert (merged().rows, hot_count(made)) == (1, 1)
    assert len(rows_of(made)) == 58


def test_a_late_value_whose_interval_has_a_cold_one_is_kept_back(series):
    before = found(series)
    rule_set(owner=series.station, pattern="temp", kept=Kept(interval_s=3_600))
    RetentionRule.objects.update(interval_since=NOON - DAY)
    # The first of these is known; the hour of the second is taken.
    late_store(series, [(FEBRUARY, 0.0), (FEBRUARY + MINUTE, 7.0)])
    assert merged().known == 1
    assert found(series) == before
    assert SeriesTally.objects.get().kept_back == 1
