"""Data stored under the year 2000 is moved to the right time: by our time of receipt, previewed, marked, and reversible
exactly.
"""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from people import station_of

from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, InvalidInput
from fleet.core.models import AuditEntry
from fleet.ingest.corrections.time_shifts import (
    PAST,
    sides_wrong,
    time_shift,
    time_shift_list,
    time_shift_preview,
    time_shift_undo,
    wrong_rows,
)
from fleet.telemetry.models import (
    Detection,
    DetectionCount,
    DirtyHour,
    Position,
    Reading,
    ReadingHour,
    Series,
    StationEvent,
    Suspicion,
)
from fleet.telemetry.rollups import rollups_rebuild
from fleet.telemetry.selectors import readings

pytestmark = pytest.mark.django_db
Y2000 = datetime(2000, 1, 1, 0, 5, tzinfo=UTC)
EPOCH, FUTURE, SHIFTED = int(Suspicion.EPOCH), int(Suspicion.FUTURE), int(Suspicion.SHIFTED)
SAME_MOMENT = int(Suspicion.SAME_MOMENT)
STORED = (
    "telemetry_reading", "telemetry_detection", "telemetry_position", "telemetry_stationevent",
    "telemetry_detectioncount", "telemetry_series", "telemetry_readinghour", "telemetry_readingday",
)  # fmt: skip


@pytest.fixture
def began():
    """When the station really started: a day ago."""
    return clock.now().replace(microsecond=123_456) - timedelta(days=1)


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


@pytest.fixture
def series(station, began):
    return Series.objects.create(station=station, name="temp", unit="Cel", created_at=began)


@pytest.fixture
def filed(station, series, began):
    """Ten minutes from a station whose clock started at 2000; each row arrived 20 to 29 s after it was recorded."""
    for minute in range(10):
        at, came = Y2000 + timedelta(minutes=minute), began + timedelta(minutes=minute, seconds=20 + minute)
        Reading.objects.create(series=series, occurred_at=at, received_at=came, value=minute, flags=EPOCH)
        Detection.objects.create(
            station=station, occurred_at=at, port=1, kind=2, line=minute, received_at=came, tag="1.1", flags=EPOCH | 4
        )
        Position.objects.create(
            station=station, occurred_at=at, line=minute, source="all", received_at=came, latitude=1.5, longitude=2.5,
            flags=EPOCH,
        )  # fmt: skip
        StationEvent.objects.create(
            station=station, occurred_at=at, name="odd", line=minute, received_at=came, data={"a": minute}, flags=EPOCH
        )
    DetectionCount.objects.create(station=station, hour=Y2000.replace(minute=0), port=1, kind=2, count=10)
    DirtyHour.objects.create(series=series, hour=Y2000.replace(minute=0))
    rollups_rebuild(settled_s=0)


def stored():
    """Every row of every table that a move touches, as PostgreSQL prints it."""
    told = {}
    with connection.cursor() as cursor:
        for table in STORED:
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            told[table] = [row[0] for row in cursor.fetchall()]
    return told


def test_it_is_previewed_moved_marked_and_undone_to_the_byte(station, series, began, filed, operator):
    before = stored()
    preview = time_shift_preview(actor=operator, station=station, side="behind")
    assert stored() == before
    assert preview.wrong.counts == {"readings": 10, "detections": 10, "positions": 10, "events": 10}
    assert (preview.left, preview.wrong.is_of_several_starts) == (0, False)
    # By our time of receipt: the fastest of all took 20 s.
    assert preview.first_at == began + timedelta(seconds=20)
    shift = time_shift(actor=operator, station=station, side="behind")
    assert (shift.readings, shift.detections, shift.positions, shift.events, shift.left) == (10, 10, 10, 10, 0)
    moved = list(Reading.objects.order_by("occurred_at"))
    assert [row.occurred_at for row in moved] == [began + timedelta(minutes=n, seconds=20) for n in range(10)]
    assert {(row.flags, row.flags_before, row.shift_id) for row in moved} == {(SHIFTED, EPOCH, shift.pk)}
    assert {row.received_at - row.occurred_at for row in moved} == {timedelta(seconds=n) for n in range(10)}
    # Rows that were doubtful for another reason stay doubtful.
    assert set(Detection.objects.values_list("flags", flat=True)) == {SHIFTED | 4}
    assert Position.objects.filter(occurred_at__gt=began).count() == 10
    assert StationEvent.objects.filter(occurred_at__gt=began).count() == 10
    assert (
        sum(DetectionCount.objects.filter(hour__gte=began - timedelta(hours=1)).values_list("count", flat=True)) == 10
    )
    assert not DetectionCount.objects.filter(hour__lt=began - timedelta(days=365)).exists()
    series.refresh_from_db()
    assert (series.last_value, series.last_at) == (9.0, moved[-1].occurred_at)
    hours = readings(series=series, start=began - timedelta(hours=2), end=clock.now(), every=timedelta(hours=1))
    assert sum(point.count for point in hours) == 10
    rollups_rebuild(settled_s=0)
    assert sum(ReadingHour.objects.filter(start__gt=began - timedelta(hours=2)).values_list("count", flat=True)) == 10
    assert not ReadingHour.objects.filter(start__lt=began - timedelta(days=365)).exists()
    assert list(sides_wrong(station=station)) == []
    time_shift_undo(actor=operator, shift=shift)
    rollups_rebuild(settled_s=0)
    assert stored() == before
    told = [(entry.action, entry.detail["rows"]) for entry in AuditEntry.objects.filter(action__contains="time_shift")]
    assert sorted(told) == [("station.time_shifted", 40), ("station.time_shifted_back", 40)]
    with pytest.raises(Conflict):
        time_shift_undo(actor=operator, shift=shift)
    assert stored() == before


def test_what_has_a_twin_at_the_right_time_stays_and_is_told(station, series, began, filed, operator):
    at = began + timedelta(minutes=3, seconds=20)
    Reading.objects.create(series=series, occurred_at=at, received_at=clock.now(), value=77.0)
    before = stored()
    assert time_shift_preview(actor=operator, station=station, side="behind").left == 1
    shift = time_shift(actor=operator, station=station, side="behind")
    assert (shift.readings, shift.left) == (9, 1)
    assert Reading.objects.get(occurred_at=at).value == 77.0
    assert Reading.objects.get(occurred_at__lt=PAST).value == 3.0
    time_shift_undo(actor=operator, shift=shift)
    after = stored()
    for table in ("telemetry_reading", "telemetry_detection", "telemetry_position", "telemetry_stationevent"):
        assert after[table] == before[table]


def test_a_card_that_was_read_again_meanwhile_is_not_doubled_by_an_undo(station, series, began, filed, operator):
    before = stored()
    shift = time_shift(actor=operator, station=station, side="behind")
    # The same rows arrive once more, with their old times.
    for minute in (0, 5):
        at = Y2000 + timedelta(minutes=minute)
        Reading.objects.create(series=series, occurred_at=at, received_at=clock.now(), value=minute, flags=EPOCH)
        Detection.objects.create(
            station=station,
            occurred_at=at,
            port=1,
            kind=2,
            line=minute,
            received_at=clock.now(),
            tag="1.1",
            flags=EPOCH,
        )
    DetectionCount.objects.create(station=station, hour=Y2000.replace(minute=0), port=1, kind=2, count=2)
    shift = time_shift_undo(actor=operator, shift=shift)
    rollups_rebuild(settled_s=0)
    assert stored() == before
    assert shift.again == 4
    assert AuditEntry.objects.get(action="station.time_shifted_back").detail["again"] == 4


def test_data_of_another_start_at_the_old_times_is_kept_and_the_undo_refused_with_the_way(
    station, series, began, filed, operator
):
    """A clock that starts at 2000-01-01 each time: other rows have the old times of those that were moved."""
    before = stored()
    first = time_shift(actor=operator, station=station, side="behind")
    came = clock.now()
    # Each differs in one figure only.
    Reading.objects.create(series=series, occurred_at=Y2000, received_at=came, value=77, flags=EPOCH)
    Detection.objects.create(
        station=station, occurred_at=Y2000, port=1, kind=2, line=0, received_at=came, tag="1.1", sig=3.0, flags=EPOCH
    )
    Position.objects.create(
        station=station, occurred_at=Y2000, line=0, source="all", received_at=came, latitude=1.5, longitude=2.5,
        altitude_m=9.0, flags=EPOCH,
    )  # fmt: skip
    StationEvent.objects.create(
        station=station, occurred_at=Y2000, name="odd", line=0, received_at=came, port=4, data={"a": 0}, flags=EPOCH
    )
    DetectionCount.objects.create(station=station, hour=Y2000.replace(minute=0), port=1, kind=2, count=1)
    DirtyHour.objects.create(series=series, hour=Y2000.replace(minute=0))
    # A repeat is not removed either, if the whole is refused.
    Reading.objects.create(
        series=series, occurred_at=Y2000 + timedelta(minutes=5), received_at=came, value=5, flags=EPOCH
    )
    rollups_rebuild(settled_s=0)
    both = stored()
    with pytest.raises(Conflict, match=r"4 rows cannot go back: other data.*Correct the times of that data first"):
        time_shift_undo(actor=operator, shift=first)
    assert stored() == both
    assert time_shift_list(station=station).get().undone_at is None
    assert not AuditEntry.objects.filter(action="station.time_shifted_back").exists()
    # The way that the sentence names.
    second = time_shift(actor=operator, station=station, side="behind", received_from=came)
    assert second.rows == 5
    time_shift_undo(actor=operator, shift=first)
    rollups_rebuild(settled_s=0)
    assert set(Reading.objects.filter(shift_id=second.pk).values_list("value", flat=True)) == {77.0, 5.0}
    for kind in (Reading, Detection, Position, StationEvent):
        assert kind.objects.filter(shift_id=None, occurred_at__lt=PAST).count() == 10
        kind.objects.filter(shift_id=second.pk).delete()
    for table in ("telemetry_reading", "telemetry_detection", "telemetry_position", "telemetry_stationevent"):
        assert stored()[table] == before[table]


def test_right_data_at_the_old_times_of_a_clock_that_was_ahead_keeps_them(station, series, operator, monkeypatch):
    moment = clock.now()
    ahead = moment + timedelta(hours=2)
    Reading.objects.create(series=series, occurred_at=ahead, received_at=moment, value=1, flags=FUTURE)
    shift = time_shift(actor=operator, station=station, side="ahead")
    monkeypatch.setattr(clock, "now", lambda: moment + timedelta(hours=3))
    Reading.objects.create(series=series, occurred_at=ahead, received_at=ahead, value=2)
    with pytest.raises(Conflict, match=r"1 row cannot go back, because other data.*by now. Nothing was changed"):
        time_shift_undo(actor=operator, shift=shift)
    assert sorted(Reading.objects.values_list("value", flat=True)) == [1.0, 2.0]


def test_values_of_one_second_that_come_again_in_another_order_are_repeats(station, series, began, operator):
    """The first of them that comes has the second, the others are microseconds later."""
    beside = timedelta(microseconds=1)
    for at, value, flags in ((Y2000, 5, EPOCH), (Y2000 + beside, 3, EPOCH | SAME_MOMENT)):
        Reading.objects.create(series=series, occurred_at=at, received_at=began, value=value, flags=flags)
    before = stored()["telemetry_reading"]
    shift = time_shift(actor=operator, station=station, side="behind")
    for at, value, flags in ((Y2000, 3, EPOCH), (Y2000 + beside, 5, EPOCH | SAME_MOMENT)):
        Reading.objects.create(series=series, occurred_at=at, received_at=clock.now(), value=value, flags=flags)
    assert time_shift_undo(actor=operator, shift=shift).again == 2
    assert stored()["telemetry_reading"] == before


def test_two_starts_are_moved_one_by_one_by_the_span_of_their_receipt(station, series, began, operator):
    for start, came in ((0, began), (1, began + timedelta(hours=12))):
        for minute in range(3):
            at = Y2000 + timedelta(minutes=minute, seconds=start)
            Reading.objects.create(
                series=series, occurred_at=at, received_at=came + timedelta(minutes=minute), value=start, flags=EPOCH
            )
    between = began + timedelta(hours=6)
    first = time_shift(actor=operator, station=station, side="behind", received_until=between)
    second = time_shift(actor=operator, station=station, side="behind", received_from=between)
    assert (first.readings, second.readings) == (3, 3)
    moved = Reading.objects.order_by("occurred_at").values_list("occurred_at", "value")
    assert list(moved) == [
        (came + timedelta(minutes=minute), start)
        for start, came in ((0, began), (1, began + timedelta(hours=12)))
        for minute in range(3)
    ]
    # Moving the first back leaves the second where it is.
    time_shift_undo(actor=operator, shift=first)
    assert Reading.objects.filter(occurred_at__lt=PAST).count() == 3
    assert Reading.objects.filter(occurred_at__gt=between).count() == 3
    assert [one.pk for one in time_shift_list(station=station)] == [second.pk, first.pk]


def test_rows_whose_moments_overlap_old_and_new_are_moved_all_the_same(station, series, operator):
    """A clock an hour ahead with a reading each hour: each moves to the time where its neighbour was."""
    moment = clock.now()
    for hour in range(1, 6):
        Reading.objects.create(
            series=series, occurred_at=moment + timedelta(hours=hour), received_at=moment + timedelta(hours=hour - 6),
            value=hour, flags=FUTURE,
        )  # fmt: skip
    assert wrong_rows(station=station, side="ahead").rows == 5
    before = stored()["telemetry_reading"]
    shift = time_shift(actor=operator, station=station, side="ahead", offset=timedelta(hours=-6))
    assert shift.readings == 5
    assert [row.occurred_at == row.received_at for row in Reading.objects.all()] == [True] * 5
    time_shift_undo(actor=operator, shift=shift)
    assert stored()["telemetry_reading"] == before


def test_from_1970_and_from_2043(station, series, began, operator):
    for at, flags in ((datetime(1970, 1, 1, 0, 1, tzinfo=UTC), EPOCH), (datetime(2043, 5, 1, tzinfo=UTC), FUTURE)):
        Reading.objects.create(series=series, occurred_at=at, received_at=began, value=1, flags=flags)
        shift = time_shift(actor=operator, station=station, side="behind" if flags == EPOCH else "ahead")
        assert Reading.objects.get().occurred_at == began
        time_shift_undo(actor=operator, shift=shift)
        assert Reading.objects.get().occurred_at == at
        Reading.objects.all().delete()


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (timedelta(days=27 * 366), "after it was received"),
        (timedelta(days=100), "still be from before 2010"),
        (timedelta(days=-1), "still be from before 2010"),
        (timedelta(days=300_000), "No clock is off by that much"),
    ],
)
def test_an_offset_that_cannot_be_is_refused(station, series, began, filed, operator, offset, words):
    before = stored()
    with pytest.raises(InvalidInput, match=words):
        time_shift(actor=operator, station=station, side="behind", offset=offset)
    assert stored() == before


def test_only_an_operator_moves_and_only_where_there_is_something(station, series, filed, viewer, stranger, operator):
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            time_shift(actor=who, station=station, side="behind")
    with pytest.raises(InvalidInput, match="No data"):
        time_shift(actor=operator, station=station, side="ahead")
    with pytest.raises(InvalidInput, match="behind or ahead"):
        time_shift(actor=operator, station=station, side="sideways")


def test_another_stations_rows_stay(station, series, filed, operator, institute, began):
    other = station_of(institute)
    foreign = Series.objects.create(station=other, name="temp", unit="Cel", created_at=began)
    Reading.objects.create(series=foreign, occurred_at=Y2000, received_at=began, value=1, flags=EPOCH)
    Detection.objects.create(
        station=other, occurred_at=Y2000, port=1, kind=2, line=0, received_at=began, tag="1.1", flags=EPOCH
    )
    shift = time_shift(actor=operator, station=station, side="behind")
    time_shift_undo(actor=operator, shift=shift)
    time_shift(actor=operator, station=station, side="behind")
    assert Reading.objects.get(series=foreign).occurred_at == Y2000
    assert Detection.objects.get(station=other).occurred_at == Y2000


def test_more_rows_than_a_move_takes_are_refused_with_the_way(station, series, filed, operator, monkeypatch):
    monkeypatch.setattr("fleet.ingest.corrections.time_shifts.ROWS_MOST", 39)
    with pytest.raises(InvalidInput, match="Choose a shorter period in which they were received"):
        time_shift(actor=operator, station=station, side="behind")
