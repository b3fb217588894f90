"""Lists, files and counts of detections give the same answers whether these are cold or not."""

from datetime import timedelta

import pytest
from django.db import connection
from people import station_of
from telemetry.cold_heard import counts_of, heard_fill, heard_rows, hot_heard, late_hear
from telemetry.cold_months import APRIL, FEBRUARY, MARCH, MAY, cold, months_fill, moved
from telemetry.stored_readings import series_make

from fleet.core import clock
from fleet.core.errors import InvalidInput, Unavailable
from fleet.ingest.cards.known import lines_known
from fleet.telemetry import exports, selectors
from fleet.telemetry.cold import heard, reading
from fleet.telemetry.cold.reading import rows_read
from fleet.telemetry.cold.tables import DETECTIONS
from fleet.telemetry.cold_files import ColdFile, ColdPart
from fleet.telemetry.heard.single import detections_newest
from fleet.telemetry.heard.tag_hours import tag_hours_recount
from fleet.telemetry.selectors import DetectionCursor
from formats.lines import TagLine
from formats.sensorgnome.lines import PulseLine
from formats.sensorgnome.messages import Numbered
from formats.sensorgnome.names import FileName

__all__ = ["cold"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cold")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILTERS = [{}, {"kind": 1}, {"kind": 2}, {"port": 2}, {"tag": "78664C33"}, {"tag": "tür#1"}, {"kind": 2, "port": 1}]


@pytest.fixture
def station(institute):
    """February and March of one station, a part of April, and other stations beside it."""
    made, other = station_of(institute), station_of(institute)
    heard_fill(other, step="5 hours")
    heard_fill(made, step="40 minutes")
    heard_fill(made, start=APRIL + 150 * DAY, end=APRIL + 151 * DAY)
    return made


def told(found) -> list[tuple]:
    # As text, since NaN is not equal to itself, and -0 is to 0.
    return [(one.occurred_at, *(repr(getattr(one, name)) for name in DETECTIONS.names)) for one in found]


def pages(ask, station, **more) -> list[tuple]:
    found, after = [], None
    while some := ask(station=station, start=FEBRUARY + HOUR, end=MAY, after=after, **more):
        found += some
        last = some[-1]
        after = DetectionCursor(last.occurred_at, last.port, last.kind, last.line)
    return told(found)


def answers(station) -> list:
    found = []
    for only in FILTERS:
        found.append(pages(selectors.detection_list, station, limit=250, **only))
        found.append(pages(selectors.detection_list, station, limit=333, newest_first=True, **only))
        found.append(pages(detections_newest, station, limit=120, **only))
        rows = exports.detection_rows(station=station, start=FEBRUARY + HOUR, end=MARCH + DAY + HOUR, **only)
        found.append([repr(row) for row in rows])
    return found


def test_every_answer_is_the_same(station):
    hot, rows, counts = answers(station), heard_rows(station), counts_of(station)
    done = moved()
    assert (done.months, done.failed) == (4, 0)
    assert (hot_heard(station), heard_rows(station), counts_of(station)) == (72, rows, counts)
    assert answers(station) == hot
    assert hot[0] == hot[1][::-1] == hot[2][::-1]
    assert len(hot[0]) == 59 * 36 - 2
    assert all(hot)
    # A file of detections has no parts, and knows its own span.
    assert not ColdPart.objects.exists()
    file = ColdFile.objects.get(station=station, month=MARCH.date())
    assert file.name.startswith(f"cold/detections/organization={station.organization_id}/month=2026-03/station-")
    assert (file.kind, file.rows) == ("detections", 31 * 36)
    assert MARCH - DAY < file.first_at < MARCH + HOUR < APRIL - HOUR < file.last_at < APRIL


def test_readings_and_detections_of_one_month_are_two_files(institute):
    series = series_make(institute)
    months_fill(series, end=MARCH, step="6 hours")
    heard_fill(series.station, end=MARCH, step="6 hours")
    done = moved()
    assert (done.months, done.rows) == (2, 224)
    assert sorted(ColdFile.objects.values_list("kind", "rows")) == [("detections", 112), ("readings", 112)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('telemetry_detection_2026_02')")
        assert cursor.fetchone() == (0,)


def test_recent_lists_cost_no_query_more_and_pages_read_no_more_than_they_show(
    station, monkeypatch, django_assert_num_queries
):
    moved()
    with django_assert_num_queries(1):
        selectors.detection_list(station=station, start=clock.now() - 7 * DAY, end=clock.now() + DAY)
    monkeypatch.setattr("fleet.telemetry.cold.files._GROUP_ROWS", 100)
    heard_fill(station, start=MAY, end=MAY + 20 * DAY, step="1 hour")
    moved()
    read, parts_of = [], reading.parts_of

    def counted(**told):
        for part in parts_of(**told):
            read.append(part.num_rows)
            yield part

    monkeypatch.setattr(reading, "parts_of", counted)
    span = {"station": station, "start": MAY, "end": MAY + 20 * DAY, "limit": 10}
    first = selectors.detection_list(**span)
    assert (len(first), sum(read)) == (10, 100)
    read.clear()
    last = selectors.detection_list(**span, newest_first=True)
    assert (len(last), sum(read) <= 100) == (10, True)
    assert last[0].occurred_at > MAY + 19 * DAY > first[0].occurred_at


def test_a_limit_counts_cold_detections_too(station, monkeypatch):
    moved()
    monkeypatch.setattr(exports, "ROWS_MOST", 100)
    for start, end in ((FEBRUARY, APRIL), (MARCH + DAY, MARCH + 4 * DAY)):
        with pytest.raises(InvalidInput):
            exports.detection_rows(station=station, start=start, end=end)
    assert len(list(exports.detection_rows(station=station, start=MARCH + HOUR, end=MARCH + 2 * DAY))) == 70
    assert heard.heard_total([station.pk], FEBRUARY, APRIL) == 59 * 36


def test_a_month_that_becomes_cold_while_it_is_read(station):
    asked = []

    def ask(rows):
        asked.append(rows)
        if len(asked) == 1:
            # Everything moves after the plan was made, before the rows are read.
            moved()
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {rows} r WHERE r.station_id = %s AND r.occurred_at < %s", [station.pk, APRIL]
            )
            return cursor.fetchone()[0]

    assert rows_read(lambda: heard.heard_plan([station.pk], [(FEBRUARY - DAY, APRIL)]), ask) == 59 * 36
    assert len(asked) == 2


def test_hours_that_are_counted_again_count_cold_detections_too(station):
    hours = sorted({hour for hour, *_ in counts_of(station)[1]})
    before = counts_of(station)
    moved()
    tag_hours_recount(station_id=station.pk, hours=hours)
    assert counts_of(station) == before


def test_late_rows_are_read_beside_the_file_and_none_twice(station):
    hot = pages(selectors.detection_list, station, limit=500)
    first = selectors.detection_list(station=station, start=MARCH + HOUR, end=MARCH + DAY, limit=1)[0]
    moved()
    late_hear(station, first.occurred_at, like=first)
    late_hear(station, first.occurred_at, like=first, line=9)
    found = pages(selectors.detection_list, station, limit=500)
    assert len(found) == len(hot) + 1
    assert set(map(repr, hot)) < set(map(repr, found))


@pytest.mark.parametrize("harm", ["gone", "cut", "flipped"])
def test_a_file_that_cannot_be_read_is_an_error_and_no_empty_answer(station, cold, harm):
    moved()
    path = cold / ColdFile.objects.get(station=station, month=FEBRUARY.date()).name
    octets = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(octets[: len(octets) // 2])
    else:
        for place in range(400, 3_000, 7):
            octets[place] ^= 0xFF
        path.write_bytes(octets)
    for ask in (selectors.detection_list, detections_newest):
        with pytest.raises(Unavailable, match="cold storage"):
            ask(station=station, start=FEBRUARY, end=MARCH, limit=5_000)


def test_lines_of_a_card_are_known_though_their_rows_are_cold(station):
    here = selectors.detection_list(station=station, start=FEBRUARY, end=APRIL, limit=4_000)
    moved()

    def numbered(one, *, later=0):
        at = round(one.occurred_at.timestamp() * 1e6) + later
        line = TagLine(one.port, at, "1", None) if one.kind == 2 else PulseLine(one.port, at, *[None] * 4, True, True)
        return Numbered(one.line, line, at)

    name = FileName("a-all.txt", 0, "", "all")
    near = [numbered(one) for one in here[:200]]
    assert lines_known([station.pk], near, name) == {one.line for one in here[:200]}
    # Far from each other, and some that are not there.
    far = [numbered(one) for one in here[::40]] + [numbered(one, later=7) for one in here[1::40]]
    assert lines_known([station.pk], far, name) == {one.line for one in here[::40]}
    assert lines_known([station_of(station.organization).pk], near, name) == set()
