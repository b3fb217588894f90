"""Disks that fill: full in so many days if that goes on, and nothing said about those that are emptied now and then."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import station_of
from telemetry.filling_disks import filling

from fleet.core import clock
from fleet.telemetry.condition.disks import days_left, disk_days, disk_mark


def test_a_disk_that_fills_evenly_is_full_when_its_line_says():
    points = [(day, 60.0 + 2.0 * day) for day in range(10)]
    assert days_left(points, 80.0) == 10
    assert days_left([(day, value + (day % 2) * 0.4) for day, value in points], 80.0) == 10
    assert days_left(points, 100.0) == 0


@pytest.mark.parametrize(
    "values",
    [
        [60.0, 62.0, 64.0, 66.0],
        [60.0] * 10,
        [60.0 + 0.01 * day for day in range(10)],
        [80.0 - 2.0 * day for day in range(10)],
        [60.0, 70.0, 80.0, 90.0, 60.0, 70.0, 80.0, 90.0, 60.0, 70.0],
    ],
    ids=["too few days", "even", "in years", "emptied", "emptied now and then"],
)
def test_of_other_disks_nothing_is_said(values):
    assert days_left(list(enumerate(values)), values[-1]) is None


def test_people_are_told_within_a_month_and_not_again_when_it_is_full():
    mark = disk_mark(9, 80.0)
    assert (mark.word, mark.series, mark.is_bad) == ("disk full in 9 days", "health/disk_percent", False)
    assert disk_mark(1, 80.0).word == "disk full in 1 day"
    assert disk_mark(31, 80.0) is None
    assert disk_mark(None, 80.0) is None
    assert disk_mark(1, None) is None
    assert disk_mark(1, 99.0) is None, "another mark says that"


@pytest.mark.django_db
def test_the_days_come_from_the_hours_of_each_station_with_one_query(institute):
    moment = clock.now()
    stations = [filling(institute, moment, percent=percent) for percent in (80.0, 90.0)]
    stations += [station_of(institute, state="on_time"), station_of(institute)]
    with CaptureQueriesContext(connection) as asked:
        found = disk_days(stations=stations, moment=moment)
    assert len(asked.captured_queries) == 1
    assert found == {stations[0].pk: 10, stations[1].pk: 5}
