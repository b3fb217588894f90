"""Files read as another station's can be moved to the right one with their rows, and back again, counted and audited."""

import pytest
from people import elsewhere, institute, operator, station_of, stranger, viewer

from fleet.core.errors import Conflict, Forbidden, InvalidInput
from fleet.core.models import AuditEntry
from fleet.files.models import FileMove, FileMoveTwin, StationFile
from fleet.ingest.corrections import file_moves
from fleet.ingest.corrections.file_moves import file_move, file_move_list, file_move_preview, file_move_undo
from fleet.ingest.pipeline import Pipeline
from fleet.ingest.stages.file_accounts import sums_rebuild
from fleet.telemetry.models import Detection, DetectionCount, FileSummary, Position, StationEvent

__all__ = ["elsewhere", "institute", "operator", "stranger", "viewer"]

pytestmark = pytest.mark.django_db

AT = 1639614325
FOREIGN, OWN = "SG-B-all.txt", "SG-A-all.txt"


def pulses(file, *, at=AT, rows=4, port=3):
    return {"what": "pulse", "port": port, "bt": at, "t": [0.5 + n for n in range(rows)], "line": [2], "file": file}


def fixes(file, *, at=AT):
    return {"t": [at, at + 60], "lat": [48.1, 48.2], "lon": [7.5, 7.6], "line": [1], "file": file}


@pytest.fixture
def mixed(institute, pipeline, delivery):
    """Station A with a file of its own and one of B's; B already has two of the same pulses, and one fix."""
    a, b = station_of(institute), station_of(institute)
    said = {"name": FOREIGN, "state": "done", "size": 900, "bytes_read": 900, "bytes_taken": 850, "bytes_refused": 50}
    pipeline.take(
        [
            delivery(a.serial, "detections", pulses(OWN, at=AT - 7200), stream="a", seq=1),
            delivery(a.serial, "detections", pulses(FOREIGN), stream="a", seq=2),
            delivery(a.serial, "gps", fixes(FOREIGN), stream="a", seq=3),
            delivery(a.serial, "event", {"events": [{"t": AT, "name": "clock"}], "file": FOREIGN}, stream="a", seq=4),
            delivery(a.serial, "file", {"at": AT, "files": [said]}, stream="a", seq=5),
            delivery(b.serial, "detections", pulses("own-all.txt", rows=2), stream="b", seq=1),
            delivery(
                b.serial, "gps", {**fixes("own-all.txt"), "lat": [48.1, None], "lon": [7.5, None]}, stream="b", seq=2
            ),
        ]
    )
    return a, b


def held(station):
    rows = (
        Detection.objects.filter(station=station).order_by("pk").values_list("occurred_at", "port", "line", "file_id")
    )
    fixes_ = Position.objects.filter(station=station).order_by("pk").values_list("occurred_at", "latitude", "file_id")
    hours = DetectionCount.objects.filter(station=station).order_by("pk").values_list("hour", "port", "kind", "count")
    files = (
        StationFile.objects.filter(station=station).order_by("pk").values_list("name", "is_moved_here", "moved_from")
    )
    sums = FileSummary.objects.filter(station=station).values_list("files", "bytes_all", "bytes_refused", "bytes_taken")
    return list(rows), list(fixes_), list(hours), list(files), [row for row in sums if any(row)]


def foreign_of(station):
    return list(StationFile.objects.filter(station=station, name=FOREIGN))


def test_a_preview_counts_and_changes_nothing(mixed, operator):
    a, b = mixed
    before = held(a), held(b)
    preview = file_move_preview(actor=operator, station=a, target=b, files=foreign_of(a))
    assert (preview.files, preview.detections, preview.positions) == (1, 4, 2)
    assert (preview.twins, preview.left) == (2 + 1, 1)
    assert (held(a), held(b)) == before
    assert not FileMove.objects.exists()


def test_rows_go_twins_become_one_and_counts_follow(mixed, operator):
    a, b = mixed
    move = file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    assert (move.rows, move.twins, move.left) == (2, 3, 1)
    assert Detection.objects.filter(station=a).count() == 4
    assert set(Detection.objects.filter(station=a).values_list("file_id", flat=True)) == {
        StationFile.objects.get(station=a, name=OWN).pk
    }
    assert Detection.objects.filter(station=b).count() == 4
    # B has another position of that moment and line: neither gives way.
    assert Position.objects.get(station=a).latitude == 48.2
    assert Position.objects.filter(station=b).count() == 2
    assert [row.count for row in DetectionCount.objects.filter(station=a)] == [4]
    assert [row.count for row in DetectionCount.objects.filter(station=b)] == [4]
    assert StationEvent.objects.filter(station=a).count() == 1
    file = StationFile.objects.get(name=FOREIGN)
    assert (file.station, file.moved_from, file.is_moved_here) == (b, a, True)
    assert FileSummary.objects.get(station=a).bytes_refused == 0
    assert FileSummary.objects.get(station=b).bytes_refused == 50
    detail = AuditEntry.objects.get(action="station.files_moved").detail
    assert (detail["to"], detail["rows"], detail["twins"], detail["left"]) == (b.serial, 2, 3, 1)


def test_undoing_leaves_both_stations_exactly_as_they_were(mixed, operator):
    a, b = mixed
    before = held(a), held(b)
    move = file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    assert (held(a), held(b)) != before
    file_move_undo(actor=operator, move=move)
    assert (held(a), held(b)) == before
    assert not FileMoveTwin.objects.exists()
    with pytest.raises(Conflict):
        file_move_undo(actor=operator, move=move)


def test_moving_back_by_hand_is_a_way_too(mixed, operator):
    a, b = mixed
    file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    file_move(actor=operator, station=b, target=a, files=foreign_of(b))
    file = StationFile.objects.get(name=FOREIGN)
    assert (file.station, file.moved_from, file.is_moved_here) == (a, None, False)
    assert Detection.objects.filter(station=a, file_id=file.pk).count() == 2, "the twins are now B's"
    assert [move.undone_at for move in file_move_list(station=a)] == [None, None]


def test_what_comes_for_the_file_afterwards_is_a_new_file_of_the_sender(mixed, operator, pipeline, delivery):
    a, b = mixed
    file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    # The same worker, which still remembers the id for that name.
    pipeline.take([delivery(a.serial, "detections", pulses(FOREIGN, at=AT + 600), stream="a", seq=9)])
    new = StationFile.objects.get(station=a, name=FOREIGN)
    assert Detection.objects.filter(station=a, file_id=new.pk).count() == 4
    move = FileMove.objects.get()
    file_move_undo(actor=operator, move=move)
    names = StationFile.objects.filter(station=a, name=FOREIGN).order_by("pk").values_list("is_moved_here", flat=True)
    assert list(names) == [True, False]


def test_rows_that_came_again_meanwhile_are_one_row_after_undoing(mixed, operator, delivery):
    a, b = mixed
    move = file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    Pipeline().take([delivery(a.serial, "detections", pulses(FOREIGN), stream="again", seq=1)])
    file_move_undo(actor=operator, move=move)
    assert AuditEntry.objects.get(action="station.files_moved_back").detail["again"] == 4
    assert Detection.objects.filter(station=a).count() == 8
    assert sum(row.count for row in DetectionCount.objects.filter(station=a)) == 8
    assert (
        sum(row.count for row in DetectionCount.objects.filter(station=b))
        == Detection.objects.filter(station=b).count()
    )


@pytest.mark.parametrize("rows", [slice(0, 1), slice(3, 4)], ids=["set aside", "moved"])
def test_other_rows_that_came_meanwhile_are_kept_and_the_undo_refused_with_the_way(mixed, operator, delivery, rows):
    a, b = mixed
    move = file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    moments = pulses(FOREIGN)["t"][rows]
    other = {**pulses(FOREIGN), "t": moments, "line": [2 + rows.start], "freq": [4.5]}
    Pipeline().take([delivery(a.serial, "detections", other, stream="again", seq=1)])
    before, twins = (held(a), held(b)), FileMoveTwin.objects.count()
    with pytest.raises(Conflict, match=r"1 row cannot go back.*Move the files from"):
        file_move_undo(actor=operator, move=move)
    assert ((held(a), held(b)), FileMoveTwin.objects.count()) == (before, twins)
    move.refresh_from_db()
    assert move.undone_at is None
    # The way that the sentence names.
    back = file_move(actor=operator, station=b, target=a, files=foreign_of(b))
    assert back.left == (1 if rows.start == 3 else 0)
    assert Detection.objects.get(station=a, freq=4.5).line == 2 + rows.start


def test_files_that_went_on_are_not_taken_back_behind_anybody(mixed, operator, institute):
    a, b = mixed
    third = station_of(institute)
    move = file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    file_move(actor=operator, station=b, target=third, files=foreign_of(b))
    with pytest.raises(Conflict):
        file_move_undo(actor=operator, move=move)
    assert StationFile.objects.get(name=FOREIGN).station == third


def test_nothing_goes_to_another_organization_and_nobody_moves_who_may_not(
    mixed, operator, viewer, stranger, elsewhere, monkeypatch
):
    a, b = mixed
    for who in (viewer, stranger):
        with pytest.raises(Forbidden):
            file_move(actor=who, station=a, target=b, files=foreign_of(a))
    with pytest.raises(Forbidden):
        file_move(actor=operator, station=a, target=station_of(elsewhere), files=foreign_of(a))
    with pytest.raises(InvalidInput):
        file_move(actor=operator, station=a, target=a, files=foreign_of(a))
    with pytest.raises(InvalidInput):
        file_move(actor=operator, station=a, target=b, files=[])
    monkeypatch.setattr(file_moves, "ROWS_MOST", 5)
    with pytest.raises(InvalidInput, match="Choose fewer files"):
        file_move(actor=operator, station=a, target=b, files=foreign_of(a))
    assert Detection.objects.filter(station=a).count() == 8


def test_sums_made_from_the_rows_are_those_that_ingest_keeps(mixed, pipeline, delivery):
    a, _b = mixed
    accounts = [
        {"name": "x/1.txt", "state": "open", "size": 10, "bytes_read": 7, "bytes_unread": 3, "bytes_taken": 7},
        {"name": "x/2.gz", "state": "refused", "size": 77, "damaged": True},
        {"name": "x/SG-C.txt", "state": "foreign", "size": 99},
        {"name": "x/3.txt", "state": "gone", "size": 5, "bytes_unread": 5, "lines_refused": 2},
    ]
    pipeline.take([delivery(a.serial, "file", {"at": AT, "files": accounts}, stream="a", seq=6)])
    kept = FileSummary.objects.filter(station=a).values().get()
    assert (kept["files"], kept["bytes_unread"], kept["bytes_refused"]) == (4, 8, 50 + 77)
    sums_rebuild([a.pk], kept["received_at"])
    assert FileSummary.objects.filter(station=a).values().get() == kept
