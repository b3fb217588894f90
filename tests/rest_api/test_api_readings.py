"""Series and their readings: single, in buckets, page by page, and every invalid parameter named."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from api_asking import NOON, problem_of
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.telemetry.models import Reading, Series

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]

RANGE = {"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T16:00:00Z"}


@pytest.fixture
def where(station, series) -> str:
    return f"stations/{station.serial}/series/{series.name}/readings"


def test_the_series_of_a_station_come_with_their_newest_values(station, series, reader):
    Series.objects.create(station=station, name="a", unit="V", created_at=NOON, last_at=NOON, last_value=12.5)
    found = reader.get(f"stations/{station.serial}/series").json()["results"]
    assert [(row["name"], row["unit"], row["last_value"]) for row in found] == [
        ("a", "V", 12.5),
        ("weather/inside:temp", "Cel", None),
    ]


def test_single_readings_come_oldest_first_without_the_end(reader, where):
    body = reader.get(where, **{"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T12:03:00Z"}).json()
    assert (body["series"], body["unit"], body["next"]) == ("weather/inside:temp", "Cel", None)
    assert [(p["at"], p["value"], p["count"], p["suspicions"]) for p in body["results"]] == [
        ("2026-11-20T12:00:00Z", 0.0, 1, []),
        ("2026-11-20T12:01:00Z", 1.0, 1, []),
        ("2026-11-20T12:02:00Z", 2.0, 1, []),
    ]


def test_a_name_with_slashes_may_be_written_escaped_too(station, series, reader):
    where = f"stations/{station.serial}/series/{quote(series.name, safe='')}/readings"
    assert len(reader.get(where, **RANGE).json()["results"]) == 240


def test_a_series_called_readings_is_found(station, reader):
    Series.objects.create(station=station, name="a/readings", created_at=NOON)
    assert reader.get(f"stations/{station.serial}/series/a/readings/readings", **RANGE).json()["series"] == "a/readings"


@pytest.mark.parametrize(("every", "buckets"), [("3600", 4), ("1h", 4), ("30m", 8), ("86400s", 1), ("1d", 1)])
def test_buckets_hold_mean_least_greatest_and_count(reader, where, every, buckets):
    points = reader.get(where, **RANGE, every=every).json()["results"]
    assert len(points) == buckets
    assert sum(p["count"] for p in points) == 240
    assert points[0]["minimum"] == 0
    assert points[-1]["maximum"] == 239
    width = 240 / buckets
    assert points[0]["value"] == pytest.approx((width - 1) / 2)


def test_a_bucket_without_readings_is_absent_and_no_line_is_drawn_over_it(series, reader, where):
    Reading.objects.filter(
        series=series, occurred_at__gte=NOON + timedelta(hours=1), occurred_at__lt=NOON + timedelta(hours=2)
    ).delete()
    points = reader.get(where, **RANGE, every="1h").json()["results"]
    assert [p["at"][11:13] for p in points] == ["12", "14", "15"]


def test_suspicious_times_are_told(station, series, reader):
    Reading.objects.create(series=series, occurred_at=NOON - timedelta(hours=1), received_at=NOON, value=1, flags=5)
    where = f"stations/{station.serial}/series/{series.name}/readings"
    query = {"from": "2026-11-20T11:00:00Z", "to": "2026-11-20T12:00:00Z"}
    for every in ({}, {"every": "1h"}):
        points = reader.get(where, **query, **every).json()["results"]
        assert points[0]["suspicions"] == ["epoch", "unsynchronised"]


def test_following_next_gives_every_reading_once(reader, where):
    body = reader.get(where, **RANGE, limit=50).json()
    values = [p["value"] for p in body["results"]]
    pages = 1
    while body["next"]:
        body = reader.client.get(body["next"]).json()
        values += [p["value"] for p in body["results"]]
        pages += 1
    assert values == [float(n) for n in range(240)]
    assert pages == 5


def test_without_a_range_the_last_day_is_meant(reader, where, series):
    from fleet.core import clock

    moment = clock.now() - timedelta(hours=1)
    Reading.objects.create(series=series, occurred_at=moment, received_at=moment, value=7)
    Reading.objects.filter(series=series, occurred_at__lt=moment).delete()
    assert [p["value"] for p in reader.get(where).json()["results"]] == [7.0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T12:00:00Z"}, "to"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "from"),
        ({"every": "0"}, "every"),
        ({"every": "-1h"}, "every"),
        ({"every": "1w"}, "every"),
        ({"every": "9" * 30}, "every"),
        ({"every": "1s", "from": "2020-01-01T00:00:00Z"}, "every"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1000000000"}, "limit"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "WyIyMDI2LTExLTIwIl0"}, "cursor"),
        ({"cursor": "W10"}, "cursor"),
        ({"cursor": "ключ"}, "cursor"),
        ({"cursor": "x" * 1000}, "cursor"),
        ({"form": "2026-11-20"}, "form"),
    ],
)
def test_a_wrong_question_is_refused_by_its_field(reader, where, query, field):
    problem_of(reader.get(where, **query), 400, field)


@pytest.mark.parametrize("name", ["none", "weather", "a%00b", "weather/inside:temp/"])
def test_a_series_that_is_none_is_not_found(station, series, reader, name):
    problem_of(reader.get(f"stations/{station.serial}/series/{name}/readings"), 404)


def test_a_hundred_years_are_answered(reader, where):
    points = reader.get(where, **{"from": "1970-01-01T00:00:00Z", "to": "2070-01-01T00:00:00Z"}, every="30d").json()
    assert sum(p["count"] for p in points["results"]) == 240


def test_readings_cost_the_same_however_many(reader, where):
    def queries(**query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert reader.get(where, **query).status_code == 200
        return len(captured)

    queries(**RANGE)
    assert queries(**RANGE) == queries(**{"from": RANGE["from"], "to": "2026-11-20T12:02:00Z"})
