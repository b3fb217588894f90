"""Pages, plots and files give the same answers whether readings are cold or not, also while they become cold."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from telemetry.cold_months import APRIL, FEBRUARY, MARCH, MAY, MINUTE, cold, hot_count, late_store, months_fill, moved
from telemetry.stored_readings import series_make

from fleet.core.errors import InvalidInput, Unavailable
from fleet.telemetry import exports, selectors
from fleet.telemetry.binned import buckets_of_several
from fleet.telemetry.cold import reading
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.models import Series
from fleet.telemetry.side_by_side import moments_before, readings_single

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ODD = timedelta(minutes=17, seconds=3)


@pytest.fixture
def two(institute) -> list[Series]:
    """Two series of one station with February and March, one of them until yesterday too."""
    first = series_make(institute)
    second = Series.objects.create(station=first.station, name="other", unit="V", created_at=FEBRUARY)
    months_fill(first, step="30 minutes")
    months_fill(second, step="31 minutes")
    months_fill(second, start=APRIL + 150 * DAY, end=APRIL + 151 * DAY)
    return [first, second]


def pages(series, start, end, limit):
    """All single readings, page by page."""
    found, after = [], None
    while some := selectors.readings(series=series, start=start, end=end, limit=limit, after=after):
        found += some
        after = some[-1].at
    return found


def answers(two) -> list:
    first = two[0]
    found = [pages(one, FEBRUARY - DAY, MAY, 700) for one in two]
    for every in (10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY):
        for start, end in ((FEBRUARY, APRIL), (FEBRUARY + ODD, MARCH + 3 * DAY + ODD), (MARCH - ODD, MARCH + ODD)):
            if (end - start) / every < selectors.LIMIT_MOST:
                found.append(selectors.readings(series=first, start=start, end=end, every=every))
    found.append(buckets_of_several(series=two, start=MARCH - DAY - ODD, end=MARCH + DAY, every=HOUR))
    found.append(readings_single(series=two, start=MARCH - DAY, end=MARCH + DAY, most=400))
    found.append(readings_single(series=two, start=FEBRUARY, end=APRIL, most=400))
    found.append(moments_before(series=two, before=APRIL + ODD, most=20))
    found.append(moments_before(series=two, before=MARCH + ODD, most=20))
    found.append(list(exports.reading_rows(series=first, start=FEBRUARY + ODD, end=APRIL)))
    return found


def test_every_answer_is_the_same(two):
    hot = answers(two)
    done = moved()
    assert (done.months, done.failed) == (2, 0)
    assert (hot_count(two[0]), hot_count(two[1])) == (0, 144)
    assert answers(two) == hot
    assert len(hot[0]) == 2 * 24 * 59


def few(two) -> list:
    rolled = [selectors.readings(series=one, start=FEBRUARY, end=APRIL, every=DAY) for one in two]
    return [rolled, readings_single(series=two, start=MARCH, end=MARCH + DAY, most=400)]


def test_where_nothing_is_cold_reads_do_not_look_and_a_move_beside_them_is_noticed(two):
    ids, hot, made = [one.pk for one in two], few(two), []
    with CaptureQueriesContext(connection) as asked:
        assert reading.without_cold(ids, FEBRUARY, lambda: few(two)) == hot
    assert sum("telemetry_coldpart" in one["sql"] for one in asked) == 2

    def make():
        if not made:
            moved()
        made.append(few(two))
        return made[-1]

    assert reading.without_cold(ids, FEBRUARY, make) == hot
    # The first time, the rows of the table alone.
    assert (len(made), made[0] == hot) == (2, False)


def test_a_limit_counts_cold_readings_too(two, monkeypatch):
    moved()
    monkeypatch.setattr(exports, "ROWS_MOST", 100)
    for start, end in ((FEBRUARY, APRIL), (MARCH + DAY, MARCH + 4 * DAY)):
        with pytest.raises(InvalidInput):
            exports.reading_rows(series=two[0], start=start, end=end)
    assert len(list(exports.reading_rows(series=two[0], start=MARCH, end=MARCH + 2 * DAY))) == 96


def test_plots_read_no_file_where_roll_ups_are(two, monkeypatch):
    moved()
    monkeypatch.setattr(reading, "parts_of", None)
    assert len(selectors.readings(series=two[0], start=FEBRUARY, end=APRIL, every=HOUR)) == 59 * 24
    assert readings_single(series=two, start=FEBRUARY, end=APRIL, most=400) is None


def test_recent_periods_cost_no_query_more(two, django_assert_num_queries):
    moved()
    now = APRIL + 243 * DAY
    with django_assert_num_queries(1):
        selectors.readings(series=two[1], start=now - 7 * DAY, end=now)


def test_a_month_that_becomes_cold_while_it_is_read(two):
    before = selectors.readings(series=two[0], start=FEBRUARY, end=MARCH)
    asked = []

    def ask(rows):
        asked.append(rows)
        if len(asked) == 1:
            # Everything moves after the plan was made, before the rows are read.
            moved()
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {rows} r WHERE r.series_id = %s AND r.occurred_at < %s", [two[0].pk, MARCH]
            )
            return cursor.fetchone()[0]

    assert reading.rows_read(lambda: reading.cold_plan([two[0].pk], [(FEBRUARY, MARCH)]), ask) == len(before)
    assert len(asked) == 2


def test_late_rows_are_read_beside_the_file_and_none_twice(two):
    hot = selectors.readings(series=two[0], start=MARCH, end=MARCH + DAY)
    moved()
    late_store(two[0], [(MARCH, hot[0].value), (MARCH + HOUR, 4_321.0), (MARCH + MINUTE, 9_999.0)])
    found = selectors.readings(series=two[0], start=MARCH, end=MARCH + DAY)
    assert [(p.at, p.value) for p in found if p.at != MARCH + MINUTE] == [(p.at, p.value) for p in hot]
    assert len(found) == len(hot) + 1
    # The hours are answered from rows, as a note says, and the one of them is counted once.
    counts = [p.count for p in selectors.readings(series=two[0], start=MARCH, end=MARCH + 2 * HOUR, every=HOUR)]
    assert counts == [3, 2]
    assert selectors.readings(series=two[0], start=MARCH, end=MARCH + DAY, every=DAY)[0].count == len(hot) + 1


@pytest.mark.parametrize("harm", ["gone", "cut", "flipped"])
def test_a_file_that_cannot_be_read_is_an_error_and_no_empty_answer(two, cold, harm):
    moved()
    path = cold / ColdFile.objects.get(month=FEBRUARY.date()).name
    octets = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(octets[: len(octets) // 2])
    else:
        for place in range(400, 3_000, 7):
            octets[place] ^= 0xFF
        path.write_bytes(octets)
    with pytest.raises(Unavailable, match="cold storage"):
        selectors.readings(series=two[0], start=FEBRUARY, end=MARCH)
    # Roll-ups are hot, so a plot is still there.
    assert len(selectors.readings(series=two[0], start=FEBRUARY, end=MARCH, every=DAY)) == 28
