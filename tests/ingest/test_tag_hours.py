"""Hours of tags always equal the rows: after late data, repeats, moves of files and of time, an update, a deletion."""

import threading
import time
from collections import defaultdict
from importlib import import_module

import pytest
from django.db import connection, transaction
from lock_waits import waiting_for_a_lock
from people import institute, operator, station_of
from waiting import until

from fleet.core import clock
from fleet.files.models import StationFile
from fleet.ingest.corrections.file_moves import file_move, file_move_undo
from fleet.ingest.corrections.time_shifts import time_shift, time_shift_undo
from fleet.ingest.pipeline import Pipeline
from fleet.lifecycle import erase_station
from fleet.lifecycle.erase_station import station_hide
from fleet.stations.models import Station
from fleet.telemetry.heard import tag_hours
from fleet.telemetry.heard.tag_hours import tag_hours_due, tag_hours_fill
from fleet.telemetry.models import Detection, TagHour, TagHourDue

__all__ = ["institute", "operator"]

pytestmark = pytest.mark.django_db

#: The beginning of an hour some hours ago.
HOUR = int(time.time()) // 3_600 * 3_600 - 6 * 3_600
Y2000 = 946_684_800
FILE = "SG-B-ctt.txt"


def tags(*heard, at=HOUR, line=1, file="", **more):
    """A message with tags: (seconds after `at`, port, tag, strength) each."""
    columns = list(zip(*heard, strict=True))
    body = {"what": "tag", "bt": at, "t": columns[0], "port": columns[1], "tag": columns[2], "rssi": columns[3]}
    return {**body, "line": [line], "file": file, **more}


def kept(station=None):
    """The hours as they are kept."""
    rows = TagHour.objects.all() if station is None else TagHour.objects.filter(station=station)
    columns = ("station_id", "hour", "port", "tag", "count", "first_at", "last_at", "strongest")
    return sorted(rows.values_list(*columns))


def of_rows(station=None):
    """The hours computed one by one from the rows."""
    rows = Detection.objects.filter(kind=Detection.Kind.TAG)
    groups = defaultdict(list)
    for row in rows if station is None else rows.filter(station=station):
        hour = row.occurred_at.replace(minute=0, second=0, microsecond=0)
        groups[row.station_id, hour, row.port, row.tag].append((row.occurred_at, row.rssi))
    return sorted(
        (
            *key,
            len(heard),
            min(at for at, _ in heard),
            max(at for at, _ in heard),
            max((rssi for _, rssi in heard if rssi is not None), default=None),
        )
        for key, heard in groups.items()
    )


@pytest.fixture
def send(pipeline, station, delivery):
    return lambda body, **more: pipeline.take([delivery(station.serial, "detections", body, **more)])


def test_an_hour_has_each_tag_and_port_with_its_first_and_last_moment_and_the_strongest_signal(send, station):
    send(tags((5.5, 1, "78664C33", -75), (3.25, 1, "78664C33", -60), (9, 2, "78664C33", None), (3700, 1, "A", -50)))
    assert [(row[2], row[3], row[4], row[7]) for row in kept()] == [
        (1, "78664C33", 2, -60.0),
        (2, "78664C33", 1, None),
        (1, "A", 1, -50.0),
    ]
    assert kept() == of_rows()


def test_late_data_and_data_out_of_order_are_added_to_their_hours(send):
    send(tags((1800, 1, "A", -70), (7300, 1, "A", -70)))
    send(tags((10, 1, "A", -80), (3599.9, 1, "A", None), at=HOUR, line=10))
    send(tags((1, 1, "A", -40), at=HOUR - 40 * 86_400, line=20))
    assert [row[4] for row in kept()] == [1, 3, 1]
    assert kept() == of_rows()


def test_pulses_have_no_hours_of_tags(send):
    send({"what": "pulse", "port": 1, "bt": HOUR, "t": [1, 2], "freq": [4.0, 4.0], "line": [1]})
    assert Detection.objects.count() == 2
    assert kept() == []


def test_repeats_change_nothing_and_what_is_new_beside_them_is_added(send, pipeline, station, delivery):
    body = tags((1, 1, "A", -70), (2, 1, "A", -60), (3, 2, "B", -50))
    for _ in range(3):
        send(body)
    assert kept() == of_rows()
    more = tags((1, 1, "A", -70), (2, 1, "A", -60), (3, 2, "B", -50), (4, 2, "B", -20), (4000, 1, "A", None))
    pipeline.take([delivery(station.serial, "detections", one) for one in (body, more, body)])
    assert Detection.objects.count() == 5
    assert [row[4] for row in kept()] == [2, 2, 1]
    assert kept() == of_rows()


def test_a_message_under_a_number_that_is_known_adds_nothing(send):
    for _ in range(2):
        send(tags((1, 1, "A", -70)), stream="a", seq=1)
    assert kept() == of_rows()
    assert kept()[0][4] == 1


@pytest.fixture
def mixed(institute, pipeline, delivery):
    """Station A with tags in a file of its own and in one of B's, of which B has two rows already."""
    a, b = station_of(institute), station_of(institute)
    heard = [(1, 1, "A", -70), (2, 1, "A", -30), (3, 1, "B", -50), (3700, 2, "A", -60)]
    pipeline.take(
        [
            delivery(a.serial, "detections", tags(*heard, file=FILE), stream="a", seq=1),
            delivery(a.serial, "detections", tags((2, 1, "A", -80), file="own-ctt.txt", line=50), stream="a", seq=2),
            delivery(b.serial, "detections", tags(*heard[:2], file="b-ctt.txt"), stream="b", seq=1),
        ]
    )
    return a, b


def test_moving_a_file_moves_its_hours_and_undoing_it_moves_them_back(mixed, operator):
    a, b = mixed
    before = kept()
    assert before == of_rows()
    move = file_move(actor=operator, station=a, target=b, files=list(StationFile.objects.filter(station=a, name=FILE)))
    assert move.twins == 2
    assert kept() == of_rows() != before
    assert [row[4] for row in kept(a)] == [1]
    file_move_undo(actor=operator, move=move)
    assert kept() == of_rows() == before


def test_moving_time_moves_the_hours_and_undoing_it_moves_them_back(send, station, institute, operator):
    Station.objects.filter(pk=station.pk).update(organization=institute)
    station.refresh_from_db()
    send(tags((60, 1, "A", -70), (61, 1, "B", -60), (4000, 2, "A", None), at=Y2000))
    send(tags((1, 1, "A", -20), line=30))
    before = kept()
    shift = time_shift(actor=operator, station=station, side="behind")
    assert shift.detections == 3
    assert kept() == of_rows() != before
    assert all(row[1].year > 2020 for row in kept())
    time_shift_undo(actor=operator, shift=shift)
    assert kept() == of_rows() == before


def test_hours_from_before_an_update_are_counted_from_their_rows_a_day_at_a_time(send, station, monkeypatch):
    for hour in range(5):
        send(tags((1, 1, "A", -70), (2, 1, "B", -60), at=HOUR - hour * 3_600, line=10 * hour + 1))
    TagHour.objects.all().delete()
    hours = {row[1] for row in of_rows()}
    TagHourDue.objects.bulk_create(TagHourDue(station=station, hour=hour) for hour in hours)
    assert tag_hours_due(station_ids=[station.pk]) == 5
    # New rows come before their hour is counted, and are not counted twice.
    send(tags((5, 1, "A", -10), line=90))
    monkeypatch.setattr(tag_hours, "_HOURS_MOST", 2)
    steps = []
    count = tag_hours._fill_some
    monkeypatch.setattr(tag_hours, "_fill_some", lambda number: steps.append(count(number)) or steps[-1])
    assert tag_hours_fill() == 5
    assert steps == [2, 2, 1]
    assert kept() == of_rows()
    assert tag_hours_fill() == 0


def test_the_migration_lists_the_hours_with_tags_and_reads_no_detection(send, station):
    send(tags((1, 1, "A", -70), (3700, 2, "A", -60)))
    send({"what": "pulse", "port": 1, "bt": HOUR - 7200, "t": [1], "freq": [4.0], "line": [1]})
    migration = import_module("fleet.telemetry.migrations.0009_tags_are_counted_by_hour").Migration
    listing = next(one.sql for one in migration.operations if "taghourdue" in str(getattr(one, "sql", "")))
    assert "telemetry_detection " not in listing
    with connection.cursor() as cursor:
        cursor.execute(listing)
    TagHour.objects.all().delete()
    assert tag_hours_fill() == 2
    assert kept() == of_rows()


def test_a_deleted_station_keeps_no_hour(send, station, make_station, pipeline, delivery, monkeypatch):
    other = make_station()
    send(tags((1, 1, "A", -70)))
    TagHourDue.objects.create(station=station, hour=clock.now())
    pipeline.take([delivery(other.serial, "detections", tags((1, 1, "A", -70)))])
    station_hide(station_id=station.pk, moment=clock.now())
    monkeypatch.setattr(erase_station, "_finish", lambda _station: 0)
    erase_station.stations_erase()
    assert not TagHourDue.objects.exists()
    assert {row[0] for row in kept()} == {other.pk}
    assert kept() == of_rows()


@pytest.mark.django_db(transaction=True)
def test_what_is_added_while_an_hour_is_counted_again_is_counted_once(station, delivery):
    """Messages that are taken again do not wait for the contact's lock."""
    Pipeline().take([delivery(station.serial, "detections", tags((1, 1, "A", -70)))])

    def add():
        Pipeline().retake([delivery(station.serial, "detections", tags((2, 1, "A", -60), line=9))])
        connection.close()

    thread = threading.Thread(target=add)
    with transaction.atomic():
        tag_hours.tag_hours_recount(station_id=station.pk, hours=[row[1] for row in of_rows()])
        thread.start()
        until(lambda: waiting_for_a_lock() == 1)
    thread.join(30)
    assert kept() == of_rows()
    assert kept()[0][4] == 2
