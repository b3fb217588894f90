"""Queries of pages and the API use an index, and only the partitions of their time range."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from people import station_of
from telemetry.stored_readings import NOON, rows_fill

from fleet.telemetry import selectors
from fleet.telemetry.condition import coverage
from fleet.telemetry.heard import single, tags
from fleet.telemetry.heard.question import HeardQuestion, parts_of
from fleet.telemetry.heard.tag_hours import COLUMNS, FROM_ROWS
from fleet.telemetry.models import Series

DAY = timedelta(days=1)
#: Tables that may never be read whole.
BIG = re.compile("telemetry_(reading|detection|position|stationevent)")


@pytest.fixture(scope="module")
def filled(django_db_setup, django_db_blocker):
    """200,000 readings and 40,000 rows of each other kind over twelve years, for 40 series and 8 stations."""
    from fleet.organizations.models import Organization

    with django_db_blocker.unblock():
        institute = Organization.objects.create(name="Filled", slug="filled", created_at=NOON)
        stations = [station_of(institute) for _ in range(8)]
        made = [Series.objects.create(station=s, name=f"s{n}", created_at=NOON) for s in stations for n in range(5)]
        Series.objects.update(last_at=NOON, last_received_at=NOON, last_value=1)
        fill(made[0].pk, stations[0].pk)
        yield made[0]
        with connection.cursor() as cursor:
            # Readings and detections have no foreign keys that the database knows.
            tables = [
                "reading",
                "detection",
                "position",
                "stationevent",
                "detectioncount",
                "readinghour",
                "readingday",
                "taghour",
            ]
            names = ", ".join(f"telemetry_{table}" for table in tables)
            cursor.execute(f"TRUNCATE organizations_organization, {names} CASCADE")


def fill(series: int, station: int) -> None:
    start = "timestamptz '2014-11-20 12:00:00+00'"
    each = f"{start} + (n / 40) * interval '1263 minutes'"
    rows_fill(
        "telemetry_reading (series_id, occurred_at, received_at, value, flags)",
        f"SELECT {series} + n % 40, {each}, now(), n, 0 FROM generate_series(1, 200000) n",
    )
    for table, width in (("hour", "1 hour"), ("day", "1 day")):
        rows_fill(
            f"telemetry_reading{table} (series_id, start, count, sum, minimum, maximum, flags, suspicious)",
            f"SELECT series_id, date_bin('{width}', occurred_at, '2000-01-01Z'), count(*), 1, 1, 1, 0, 0 "
            "FROM telemetry_reading GROUP BY 1, 2",
        )
    each = f"{start} + (n / 8) * interval '1263 minutes'"
    who = f"SELECT {station} + n % 8, {each}"
    many = "FROM generate_series(1, 40000) n"
    rows_fill(
        "telemetry_detection (station_id, occurred_at, port, kind, line, received_at, is_used, flags)",
        f"{who}, n % 3, 1, n, now(), true, 0 {many}",
    )
    rows_fill(
        "telemetry_detection (station_id, occurred_at, port, kind, line, received_at, is_used, flags, tag)",
        f"SELECT {station} + n % 8, timestamptz '2026-11-01 00:00:00+00' + n * interval '1 minute', "
        "1, 2, n, now(), true, 0, 't' || n % 50 FROM generate_series(1, 25000) n",
    )
    rows_fill(f"telemetry_taghour ({COLUMNS})", FROM_ROWS.format(rows="telemetry_detection", where=""))
    rows_fill(
        "telemetry_position (station_id, occurred_at, line, source, received_at, latitude, longitude, flags)",
        f"{who}, n, '', now(), 1, 1, 0 {many}",
    )
    rows_fill(
        "telemetry_stationevent (station_id, occurred_at, name, line, source, received_at, data, flags)",
        f"{who}, 'x', n, '', now(), '{{}}', 0 {many}",
    )
    rows_fill("telemetry_detectioncount (station_id, hour, port, kind, count)", f"{who}, 1, n % 2 + 1, 1 {many}")
    rows_fill(
        "telemetry_detectioncount (station_id, hour, port, kind, count)",
        "SELECT station_id, hour, port, 2, sum(count) FROM telemetry_taghour GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING",
    )


def asked(act: Callable[[], object]) -> list[dict]:
    """The nodes of the plans of every query."""
    plans = []

    def explain(execute, sql, params, many, context):
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            # Run it for real, because pruning in a loop shows only then.
            execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params, many, context)
            found = context["cursor"].fetchone()[0]
            plans.append(found if isinstance(found, list) else json.loads(found))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        assert act()
    return [node for plan in plans for node in nodes(plan[0]["Plan"])]


def nodes(plan: dict) -> list[dict]:
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def tables_read(found: list[dict]) -> set[str]:
    """Tables and partitions that were really read, by name."""
    return {n["Relation Name"] for n in found if "Relation Name" in n and n["Actual Loops"] > 0}


WEEK = {"start": NOON - 7 * DAY, "end": NOON}
YEARS = {"start": NOON - 900 * DAY, "end": NOON}
QUESTIONS = {
    "rows of a week": lambda s: selectors.readings(series=s, **WEEK),
    "ten minutes of a week": lambda s: selectors.readings(series=s, **WEEK, every=timedelta(minutes=10)),
    "hours of a week": lambda s: selectors.readings(series=s, **WEEK, every=timedelta(hours=1)),
    "detections": lambda s: selectors.detection_list(station=s.station, **WEEK),
    "detections, next page": lambda s: selectors.detection_list(
        station=s.station, **WEEK, after=selectors.DetectionCursor(NOON - 6 * DAY, 1, 1, 1)
    ),
    "detections, newest first": lambda s: selectors.detection_list(station=s.station, **WEEK, newest_first=True),
    "days of years": lambda s: selectors.readings(series=s, **YEARS, every=DAY),
    "detections in parts": lambda s: tags.counts_in_parts(station=s.station, parts=parts_of(**WEEK)),
    "tags": lambda s: tags.tag_list(question=HeardQuestion([s.station_id], **WEEK)).rows,
    "tags in each hour": lambda s: any(
        tags.tags_in_parts(question=HeardQuestion([s.station_id], **WEEK), parts=parts_of(**WEEK))
    ),
    "stations that heard tags": lambda s: tags.station_rows(question=HeardQuestion([s.station_id], **WEEK))[0],
    "one tag": lambda s: single.detections_newest(station=s.station, **WEEK, tag="t8", limit=50),
    "a kind of detection": lambda s: single.detections_newest(station=s.station, **WEEK, kind=2, limit=50),
    "detections in all": lambda s: selectors.detection_total(station=s.station),
    "newest hour of detections": lambda s: coverage.detection_newest_hour(station=s.station),
    "newest position": lambda s: selectors.latest_position(station=s.station),
    "events": lambda s: list(selectors.event_list(station=s.station)[:50]),
    "events before": lambda s: list(selectors.event_list(station=s.station, end=NOON - 99 * DAY)[:50]),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_reads_by_index_and_only_the_partitions_of_its_time(filled, name):
    found = asked(lambda: QUESTIONS[name](filled))
    whole = [n for n in found if n["Node Type"] == "Seq Scan" and BIG.match(n["Relation Name"]) and n["Actual Rows"]]
    assert whole == []
    read = {table for table in tables_read(found) if re.search(r"_(\d|ancient|future|default)", table)}
    if "years" not in name:
        # The week is within one month.
        assert read <= {"telemetry_reading_2026_11", "telemetry_detection_2026_11"}


@pytest.mark.django_db
def test_years_by_day_touch_no_row_where_days_are_known(filled):
    found = asked(lambda: selectors.readings(series=filled, **YEARS, every=DAY))
    rows = sum(
        n["Actual Rows"] * n["Actual Loops"]
        for n in found
        if n.get("Relation Name", "").startswith("telemetry_reading_")
    )
    # The two days at the ends, which are only partly in the range.
    assert rows <= 4


@pytest.mark.django_db
def test_the_check_itself_sees_a_table_that_is_read_whole(filled):
    found = asked(lambda: list(Series.objects.raw("SELECT 1 AS id FROM telemetry_reading WHERE value = 5")))
    assert any(n["Node Type"] == "Seq Scan" and BIG.match(n["Relation Name"]) for n in found)
    assert len(tables_read(found)) > 20
