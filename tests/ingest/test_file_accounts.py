"""Accounts of a station's files: the newest of each is kept, the sums are right, and rows know the file they came from."""

import time
from datetime import UTC, datetime

import pytest

from fleet.files.models import StationFile
from fleet.ingest.delivery import Delivery
from fleet.ingest.memory import files as station_files
from fleet.ingest.models import QuarantinedMessage
from fleet.telemetry.models import Detection, FileSummary, Position, StationEvent, Suspicion
from sg_status.pages.station.file_words import file_sentences

pytestmark = pytest.mark.django_db

NOW = time.time()
NAME = "2021-12-16/changi-7F5ERPI46977-000203-2021-12-16T00-25-25.5266P-all.txt"
BASE = NAME.rpartition("/")[2]


def account(name=NAME, **figures):
    """An account of 1,000 bytes: 600 taken, 100 known, 50 kept back, 50 refused, 200 not read yet."""
    told = {
        "bytes_read": 800,
        "bytes_unread": 200,
        "bytes_taken": 600,
        "bytes_known": 100,
        "bytes_kept_back": 50,
        "bytes_refused": 50,
        "lines_read": 8,
        "lines_taken": 6,
        "lines_known": 1,
        "lines_refused": 1,
        "refusals": {"not-a-line": 1},
    }
    return {"name": name, "state": "open", "size": 1000, **told, **figures}


def done(name=NAME, **figures):
    return account(name, state="done", bytes_read=1000, bytes_unread=0, bytes_taken=800, **figures)


@pytest.fixture
def said(delivery, station):
    numbers = iter(range(1, 1000))

    def make(*accounts, at=NOW, stream="live", seq=None, desk=False):
        body = {"at": at, "files": list(accounts)}
        message = delivery(station.serial, "file", body, stream=stream, seq=seq or next(numbers))
        if desk:
            return Delivery(f"up.{station.serial}", "file", message.properties, message.body)
        return message

    return make


def sums(station):
    summary = FileSummary.objects.get(station=station)
    return summary.files, summary.bytes_all, summary.bytes_unread, summary.bytes_refused


def pulses(name=BASE, **more):
    return {"what": "pulse", "port": 3, "bt": 1639614325, "t": [0.5, 0.75, 1.0], "line": [2], "file": name, **more}


def test_an_account_is_kept_with_all_its_figures(pipeline, station, said):
    assert pipeline.take([said(account(reason="One line ends in zeros.", start=1639614325.0))]).stored == 1
    file = StationFile.objects.get(station=station)
    assert (file.name, file.base, file.state, file.octets) == (NAME, BASE, "open", 1000)
    assert file.bytes_read == file.bytes_taken + file.bytes_known + file.bytes_kept_back + file.bytes_refused
    assert (file.lines_read, file.lines_refused, file.refusals) == (8, 1, {"not-a-line": 1})
    assert (file.reason, file.start_at) == ("One line ends in zeros.", datetime(2021, 12, 16, 0, 25, 25, tzinfo=UTC))
    assert sums(station) == (1, 1000, 200, 50)


def test_accounts_move_only_forward_in_their_stream_whatever_their_clock_says(pipeline, station, said):
    pipeline.take([said(done(), seq=9, at=NOW)])
    outcome = pipeline.take([said(account(), seq=8, at=NOW + 60)])
    assert outcome.stored == 1
    assert StationFile.objects.get().state == "done"
    assert sums(station) == (1, 1000, 0, 50)
    pipeline.take([said(account(bytes_unread=700), seq=10, at=NOW - 3600)])
    assert (StationFile.objects.get().state, sums(station)) == ("open", (1, 1500, 700, 50))


def test_of_two_streams_the_clock_decides_and_one_from_2043_shuts_nothing_out(pipeline, station, said):
    pipeline.take([said(done(), stream="one", at=NOW)])
    pipeline.take([said(account(), stream="two", at=NOW - 60)])
    assert StationFile.objects.get().state == "done"
    pipeline.take([said(account(), stream="three", at=2_303_000_000.0)])
    assert StationFile.objects.get().state == "open"
    pipeline.take([said(done(), stream="four", at=NOW)])
    assert StationFile.objects.get().state == "done"
    assert sums(station) == (1, 1000, 0, 50)


def test_newest_first_in_one_batch_is_no_different(pipeline, station, said):
    pipeline.take([said(done(), seq=9), said(account(), seq=7), said(account(), seq=8)])
    assert StationFile.objects.get().state == "done"
    assert sums(station) == (1, 1000, 0, 50)


def test_between_desk_and_station_the_account_counts_that_has_read_more(pipeline, station, said):
    pipeline.take([said(account(), at=NOW)])
    pipeline.take([said(done(), stream="f1-0a", at=NOW - 86_400, desk=True)])
    assert sums(station) == (1, 1000, 0, 50)
    # An older copy of the card adds nothing new.
    pipeline.take([said(account(bytes_read=10, bytes_taken=10), at=NOW + 120)])
    assert sums(station) == (1, 1000, 0, 50)
    pipeline.take([said(account(bytes_read=2000, bytes_taken=1800), at=NOW + 180)])
    assert sums(station) == (1, 2200, 200, 50)


def test_files_of_other_stations_are_counted_and_are_none_of_its_bytes(pipeline, station, said):
    foreign = {"name": "x/SG-OTHER-all.txt", "state": "foreign", "size": 5000, "reason": "It is named for SG-OTHER."}
    pipeline.take([said(account(), foreign)])
    assert sums(station) == (1, 1000, 200, 50)
    assert FileSummary.objects.get().files_foreign == 1


def test_a_file_of_which_nothing_can_be_read_is_not_home_with_its_whole_size(pipeline, station, said):
    refused = {
        "name": "zeros.txt.gz",
        "state": "refused",
        "size": 5000,
        "reason": "It has zeros only.",
        "damaged": True,
    }
    pipeline.take([said(refused)])
    assert sums(station) == (1, 5000, 0, 5000)
    summary = FileSummary.objects.get()
    assert (summary.files_refused, summary.files_damaged) == (1, 1)


def test_figures_near_two_to_the_63_do_not_break_the_sums(pipeline, station, said):
    most = 9_000_000_000_000_000_000
    pipeline.take([said(*(account(f"{n}.txt", bytes_unread=most, size=most) for n in range(20)))])
    assert not QuarantinedMessage.objects.exists()
    assert 0 < sums(station)[2] < 2**63


@pytest.mark.parametrize("name", ['a"b\\c.txt', "{x,y}.txt", "H\\xf6fn-all.txt", "NULL", "two\\nlines.txt", "ü.txt"])
def test_names_that_are_awkward_to_write_down_stay_as_they_are(pipeline, station, said, delivery, name):
    pipeline.take([said(account(name)), delivery(station.serial, "detections", pulses(name), stream="a", seq=1)])
    file = StationFile.objects.get()
    assert (file.name, file.rows) == (name, 3)


def test_rows_before_the_account_and_after_it_are_of_the_same_file(pipeline, station, said, delivery):
    pipeline.take([delivery(station.serial, "detections", pulses(), stream="a", seq=1)])
    pipeline.take([said(account())])
    pipeline.take([delivery(station.serial, "detections", pulses(bt=1639614999), stream="a", seq=2)])
    file = StationFile.objects.get()
    assert (file.name, file.rows) == (NAME, 6)
    assert set(Detection.objects.values_list("file_id", flat=True)) == {file.id}
    assert (file.rows_from.timestamp(), file.rows_to.timestamp()) == (1639614325.5, 1639615000.0)


def test_a_copy_in_another_day_s_folder_is_a_file_of_its_own(pipeline, station, said, delivery):
    pipeline.take([delivery(station.serial, "detections", pulses(), stream="a", seq=1)])
    pipeline.take([said(account(), account(f"2021-12-17/{BASE}", state="done"))])
    assert list(StationFile.objects.order_by("id").values_list("name", "rows")) == [
        (NAME, 3),
        (f"2021-12-17/{BASE}", 0),
    ]
    assert sums(station)[0] == 2


def test_positions_and_events_of_a_damaged_file_are_marked(pipeline, station, delivery):
    gps = {"t": [NOW], "lat": [48.1], "lon": [7.5], "line": [1], "file": BASE, "damaged": True}
    event = {"events": [{"t": NOW, "name": "clock"}], "file": BASE, "damaged": True}
    pipeline.take(
        [
            delivery(station.serial, "gps", gps, stream="a", seq=1),
            delivery(station.serial, "event", event, stream="a", seq=2),
            delivery(station.serial, "detections", pulses(damaged=True, clock="P"), stream="a", seq=3),
        ]
    )
    file = StationFile.objects.get()
    position = Position.objects.get()
    assert (position.flags, position.file_id) == (Suspicion.DAMAGED_FILE, file.id)
    assert StationEvent.objects.get().flags == Suspicion.DAMAGED_FILE
    assert set(Detection.objects.values_list("flags", flat=True)) == {Suspicion.DAMAGED_FILE | Suspicion.UNSYNCHRONISED}


def test_rows_without_a_file_have_none(pipeline, station, delivery):
    pipeline.take([delivery(station.serial, "detections", pulses(""), stream="a", seq=1)])
    assert set(Detection.objects.values_list("file_id", flat=True)) == {None}
    assert not StationFile.objects.exists()


def test_a_station_that_makes_up_names_gets_no_more_than_its_files_and_a_word(
    pipeline, station, said, delivery, monkeypatch
):
    monkeypatch.setattr(station_files, "FILES_MOST", 3)
    pipeline.take([delivery(station.serial, "detections", pulses(f"{n}.txt"), stream="a", seq=n + 1) for n in range(2)])
    assert FileSummary.objects.count() == 0
    messages = [
        delivery(station.serial, "detections", pulses("2.txt", bt=1), stream="a", seq=3),
        delivery(station.serial, "detections", pulses("3.txt", bt=2), stream="a", seq=4),
        said(account("4.txt"), account("0.txt")),
    ]
    assert pipeline.take(messages).stored == 3
    assert StationFile.objects.count() == 3
    assert Detection.objects.filter(file_id=None).count() == 3
    summary = FileSummary.objects.get()
    assert (summary.files, summary.overfull_at is not None) == (1, True)
    assert summary.accounts_left_out == 1
    pipeline.take([delivery(station.serial, "file", {"at": NOW, "files": [account("4.txt"), account("5.txt")]})])
    summary.refresh_from_db()
    assert (summary.files, summary.accounts_left_out) == (1, 3)
    sentence = "3 reports on such files were not recorded: no sum on this page includes them."
    assert sentence in file_sentences(summary)


def test_a_station_with_room_for_one_of_two_new_files_is_marked_at_once(pipeline, station, delivery, monkeypatch):
    monkeypatch.setattr(station_files, "FILES_MOST", 1)
    messages = [delivery(station.serial, "detections", pulses(f"{n}.txt", bt=n), stream="a", seq=n) for n in (1, 2)]
    pipeline.take(messages)
    assert StationFile.objects.count() == 1
    assert FileSummary.objects.get().overfull_at is not None


def test_a_batch_that_is_rolled_back_leaves_no_id_behind(pipeline, station, delivery):
    pipeline.take([delivery(station.serial, "detections", pulses(), stream="a", seq=1)])
    StationFile.objects.all().delete()
    pipeline.forget()
    pipeline.take([delivery(station.serial, "detections", pulses(bt=1639619999), stream="a", seq=2)])
    assert Detection.objects.filter(file_id=StationFile.objects.get().id).count() == 3


@pytest.mark.parametrize(
    ("latitude", "longitude", "is_kept"),
    [(0.0, 0.0, False), (0.0009, -0.0009, False), (0.0, 0.002, True), (0.001, 0.0, True), (-33.9, 151.2, True)],
)
def test_a_receiver_s_zeros_are_no_fix(pipeline, station, delivery, latitude, longitude, is_kept):
    gps = {"t": [NOW], "lat": [latitude], "lon": [longitude], "alt": [0.0]}
    pipeline.take([delivery(station.serial, "gps", gps, stream="a", seq=1)])
    position = Position.objects.get()
    expected = (latitude, longitude) if is_kept else (None, None)
    assert (position.latitude, position.longitude) == expected
