"""Stored archives are read as the files in them; none of their claims is trusted, and a bad one stops no other."""

import errno
import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from backfill.conftest import rows, sent, store, surveyed, worked
from backfill.test_backfill import kinds, sums_hold
from billiard.exceptions import SoftTimeLimitExceeded
from cards.conftest import LINES, OTHER, file_name, hour_text

from fleet.core import clock
from fleet.ingest.backfill import pieces, tar, totals, turns
from fleet.ingest.backfill.selectors import backfill_files, backfill_questions, backfill_report
from fleet.ingest.backfill.services import backfill_ask, backfill_stop
from fleet.ingest.backfill.turns import backfills_work
from fleet.ingest.cards import box
from fleet.ingest.models import Backfill, BackfillFile
from fleet.organizations.access import viewer_of_server
from formats.sensorgnome.content import FileContent

pytestmark = pytest.mark.django_db(transaction=True)
SERVER = viewer_of_server("test")


def zip_of(*members) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return made.getvalue()


def tar_of(*members, mode="w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode, encoding="utf-8", errors="surrogateescape") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def members_of(card):
    return [(str(path.relative_to(card)), path.read_bytes()) for path in sorted(card.rglob("*")) if path.is_file()]


def told(backfill):
    return {file.name: file.reason for file in backfill_files(backfill=backfill)}


@pytest.mark.parametrize(("name", "pack"), [("card.zip", zip_of), ("card.tar.gz", tar_of)])
def test_a_card_as_an_archive_is_the_card(card, station, ingest, name, pack):
    store(station, name, pack(*members_of(card)))
    done = sent(surveyed(station))
    assert (done.state, kinds(done)) == ("done", (LINES, Counter(), LINES))
    assert rows() == LINES
    assert sums_hold(done)
    files = BackfillFile.objects.filter(backfill=done).order_by("member").values_list("name", flat=True)
    assert len(files) == 3
    assert all(file.startswith(f"{name}/2021-12-16/") for file in files)
    again = sent(surveyed(station))
    assert sum(one.new for one in backfill_report(again).kinds) == 0
    assert rows() == LINES


def test_a_plain_tar_and_its_files_beside_it_are_read_once(card, station, ingest):
    store(station, "card.tar", tar_of(*members_of(card), mode="w"))
    for name, content in members_of(card):
        store(station, name, content)
    done = sent(surveyed(station))
    assert rows() == LINES
    assert kinds(done) == (LINES, Counter(), LINES)
    assert backfill_report(done).totals.tally.lines_known == LINES.total()
    assert sums_hold(done)


def test_members_that_lead_out_or_are_links_are_refused_and_the_rest_is_read(station, ingest):
    link = zipfile.ZipInfo(file_name(hour=3))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    store(
        station,
        "a.zip",
        zip_of(
            (f"../../{file_name(hour=1)}", hour_text(1)), (f"/etc/{file_name(hour=2)}", hour_text(2)),
            (link, b"/etc/passwd"), (f"a/{file_name()}", hour_text()), ("b/inner.zip", zip_of(("x", b"y"))),
        ),
    )  # fmt: skip
    soft, hard, pipe = (tarfile.TarInfo(file_name(hour=hour)) for hour in (4, 5, 6))
    soft.type, soft.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
    pipe.type = tarfile.FIFOTYPE
    store(
        station,
        "b.tar.gz",
        tar_of(
            (f"../../{file_name(hour=1)}", hour_text(1)), (f"/etc/{file_name(hour=2)}", hour_text(2)),
            (soft, b""), (hard, b""), (pipe, b""), (f"a/{file_name(hour=7)}", hour_text(7)),
            ("b/inner.zip", zip_of((file_name(hour=8), hour_text(8)))), (f"a/{file_name(hour=7)}", hour_text(9)),
        ),
    )  # fmt: skip
    done = sent(surveyed(station))
    out, linked = "Its path leads out of the archive.", "It is a link; only files are read."
    reasons = told(done)
    for name in ("a.zip", "b.tar.gz"):
        assert reasons[f"{name}/../../{file_name(hour=1)}"] == out
        assert reasons[f"{name}//etc/{file_name(hour=2)}"] == out
    assert reasons[f"a.zip/{file_name(hour=3)}"] == linked
    assert "It is a zip archive" in reasons["a.zip/b/inner.zip"]
    assert reasons[f"b.tar.gz/{file_name(hour=4)}"] == reasons[f"b.tar.gz/{file_name(hour=5)}"] == linked
    assert reasons[f"b.tar.gz/{file_name(hour=6)}"] == "It is not a regular file."
    assert reasons["b.tar.gz/b/inner.zip"] == "It is an archive in an archive: upload it by itself."
    assert reasons[f"b.tar.gz/a/{file_name(hour=7)}"] == "The archive has another file of this name, which was read."
    assert rows()["p"] == 12
    assert sums_hold(done)


def test_folders_that_are_too_deep_are_refused_and_the_rest_is_read(station, ingest):
    deep = [(f"{'a/' * times}f.txt", b"") for times in (400, 800, 1_200)]
    store(station, "deep.tar.gz", tar_of(*deep, (f"a/{file_name(hour=7)}", hour_text(7))))
    done = sent(surveyed(station))
    assert (done.state, done.reason) == ("done", "")
    assert list(told(done).values()) == ["Its path is too deep."] * 3
    assert rows()["p"] == 6
    assert sums_hold(done)


def test_a_zip_archive_with_the_name_of_a_data_file_is_refused_and_the_rest_is_read(station, ingest):
    packed = zip_of((file_name(hour=1), hour_text(1)), (file_name(hour=2), hour_text(2)))
    store(station, file_name(hour=3), packed)
    store(station, file_name(hour=4), hour_text(4))
    store(station, "b.tar", tar_of((file_name(hour=5), packed), (file_name(hour=6), hour_text(6)), mode="w"))
    done = sent(surveyed(station))
    assert done.state == "done", done.reason
    assert told(done) == {file_name(hour=3): pieces._NAMED, f"b.tar/{file_name(hour=5)}": pieces._NESTED}
    assert rows()["p"] == 12
    assert sums_hold(done)


@pytest.mark.parametrize("name", ["full.tar.gz", file_name(hour=7)])
def test_a_full_disk_delays_a_back_fill_and_refuses_no_file(station, queues, monkeypatch, name):
    store(station, name, tar_of((file_name(hour=7), hour_text(7))) if name.endswith("gz") else hour_text(7))
    asked, opened = backfill_ask(actor=SERVER, station=station), Path.open

    def full(path, mode="r", *arguments, **named):
        if mode == "xb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return opened(path, mode, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        waiting = worked(asked)
    assert (waiting.state, waiting.stored) == ("surveying", 0)
    assert "No space left on device" in waiting.reason
    Backfill.objects.update(due_at=clock.now())
    assert worked(asked).state == "surveyed"
    assert told(asked) == {}


def test_two_stations_in_one_zip_are_asked_about(card, station, ingest):
    store(station, "two.zip", zip_of(*members_of(card), (file_name(serial=OTHER, hour=3), hour_text(3))))
    survey = surveyed(station)
    assert [question.kind for question in backfill_questions(survey)] == ["others"]
    done = sent(survey, leaves_others=True)
    assert rows() == LINES
    assert sums_hold(done)


def test_names_that_are_no_text_are_shown_and_their_files_read(station, ingest):
    odd = b"\xff\xfe-" + file_name(hour=7).encode()
    store(station, "odd.tar.gz", tar_of((os.fsdecode(odd), hour_text(7))))
    # In a zip that is not marked as UTF-8, names are in some old code page.
    store(station, "odd.zip", zip_of(("@@-" + file_name(hour=8), hour_text(8))).replace(b"@@", b"\xff\xfe"))
    done = sent(surveyed(station))
    assert rows()["p"] == 12
    names = BackfillFile.objects.filter(backfill=done).values_list("name", flat=True)
    assert all(name.isprintable() for name in names)
    assert sums_hold(done)


def encrypted(archive: bytes) -> bytes:
    """The archive with the mark of encryption on every member."""
    found = bytearray(archive)
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = found.find(sign)
        while start >= 0:
            found[start + at] |= 1
            start = found.find(sign, start + 4)
    return bytes(found)


def test_encrypted_and_broken_archives_are_refused_in_words_and_the_rest_is_read(card, station, ingest):
    for name, content in members_of(card):
        store(station, name, content)
    whole = tar_of(*((file_name(hour=hour), hour_text(hour)) for hour in (5, 6)))
    store(station, "cut.tar.gz", whole[: len(whole) // 2])
    store(station, "empty.zip", zip_of())
    store(station, "empty.tar", tar_of(mode="w"))
    store(station, "list.zip", b"PK\x03\x04 and no list")
    store(station, "locked.zip", encrypted(zip_of((file_name(hour=7), hour_text(7)))))
    store(station, "no.tar.gz", gzip.compress(b"no tar" * 1_000))
    done = sent(surveyed(station))
    reasons = told(done)
    assert reasons["cut.tar.gz"].startswith("The archive is broken here")
    assert reasons["empty.tar"] == reasons["empty.zip"] == "The archive has no files."
    assert reasons["list.zip"].startswith("list.zip is neither a folder nor a whole zip archive")
    assert reasons[f"locked.zip/{file_name(hour=7)}"] == "It is encrypted."
    assert reasons["no.tar.gz"].startswith("The archive is broken here")
    assert rows() == LINES
    assert sums_hold(done)


def test_bombs_are_refused_by_their_ratio(station, ingest, monkeypatch):
    monkeypatch.setattr(box, "SMALL", 100_000)
    zeros = bytes(3_000_000)
    store(station, "bomb.zip", zip_of(*((file_name(hour=hour), zeros) for hour in range(3))))
    store(station, "bomb.tar.gz", tar_of(*((file_name(hour=hour), zeros) for hour in range(3))))
    store(station, file_name(hour=9), hour_text(9))
    done = sent(surveyed(station))
    reasons = told(done)
    assert "unpacks to more than 100 times as many" in reasons["bomb.zip"]
    assert "unpacks to more than 100 times as many" in reasons["bomb.tar.gz"]
    assert rows()["p"] == 6
    assert sums_hold(done)


def test_a_header_without_end_is_not_read_into_memory(station, ingest, monkeypatch):
    monkeypatch.setattr(tar, "_HEADER_MOST", 200_000)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 5_000_000}):
        pass
    store(station, "header.tar", made.getvalue())
    done = surveyed(station)
    assert told(done)["header.tar"] == "A header in the archive has no end. What comes after it was not read."


def test_a_list_of_members_that_is_too_long_is_not_read(station, ingest, monkeypatch):
    monkeypatch.setattr(box, "_LIST_MOST", 1_000)
    store(station, "many.zip", zip_of(*((f"{number}.txt", b"") for number in range(100))))
    assert "its list of members has" in told(surveyed(station))["many.zip"]


@pytest.mark.parametrize(("name", "pack"), [("many.zip", zip_of), ("many.tar.gz", tar_of)])
def test_an_archive_goes_on_in_its_middle(station, ingest, monkeypatch, name, pack):
    monkeypatch.setattr(pieces, "PIECE_MEMBERS", 2)
    monkeypatch.setattr(turns, "TURN_S", -1.0)
    store(station, name, pack(*((file_name(hour=hour), hour_text(hour)) for hour in range(5)), ("x", b"no data")))
    asked, places = backfill_ask(actor=SERVER, station=station), []
    while backfills_work():
        asked.refresh_from_db()
        places.append((asked.at_member, asked.stored))
    assert places[:2] == [(2, 0), (4, 0)]
    assert asked.state == "surveyed"
    assert BackfillFile.objects.filter(backfill=asked).count() == 6
    done = sent(asked)
    assert rows()["p"] == 30
    assert sums_hold(done)


def test_archives_with_too_many_files_in_all_are_not_read(station, queues, monkeypatch):
    monkeypatch.setattr(totals, "FILES_MOST", 5)
    for archive in ("a", "b"):
        store(station, f"{archive}.zip", zip_of(*((f"{number}.txt", archive.encode()) for number in range(3))))
    failed = surveyed(station)
    assert (failed.state, failed.reason) == ("failed", "The archives have more than 5 files in all. Choose fewer.")
    assert BackfillFile.objects.filter(backfill=failed).count() == 3
    assert surveyed(station, search="a.zip").state == "surveyed"


@pytest.mark.parametrize(("name", "pack"), [("large.zip", zip_of), ("large.tar.gz", tar_of)])
def test_a_piece_of_an_archive_ends_after_so_many_bytes(station, ingest, monkeypatch, name, pack):
    monkeypatch.setattr(pieces, "UNPACKED_MOST", len(hour_text()) + 1)
    monkeypatch.setattr(turns, "TURN_S", -1.0)
    store(station, name, pack(*((file_name(hour=hour), hour_text(hour)) for hour in range(5))))
    asked, places = backfill_ask(actor=SERVER, station=station), []
    while backfills_work():
        asked.refresh_from_db()
        places.append(asked.at_member)
    assert places[:2] == [2, 4]
    done = sent(asked)
    assert rows()["p"] == 30
    assert sums_hold(done)


def test_a_worker_whose_time_is_over_refuses_no_file(station, queues, monkeypatch):
    def over(*_arguments):
        raise SoftTimeLimitExceeded

    store(station, file_name(), hour_text())
    asked = backfill_ask(actor=SERVER, station=station)
    with monkeypatch.context() as patched:
        patched.setattr(FileContent, "stream", over)
        with pytest.raises(SoftTimeLimitExceeded):
            backfills_work()
    asked.refresh_from_db()
    assert (asked.state, asked.attempts, asked.stored) == ("surveying", 1, 0)
    assert worked(asked).state == "surveyed"
    assert told(asked) == {}


def test_a_hundred_thousand_members_take_little_memory_and_more_are_refused(station, ingest, monkeypatch):
    monkeypatch.setattr(box, "FILES_MOST", 3_000)
    monkeypatch.setattr(tar, "FILES_MOST", 3_000)
    store(station, "fits.tar.gz", tar_of(*((f"{number}.bin", b"") for number in range(3_000))))
    tracemalloc.start()
    try:
        survey = surveyed(station)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert BackfillFile.objects.filter(backfill=survey).count() == 3_000
    assert most < 40_000_000
    backfill_stop(actor=SERVER, backfill=survey)
    store(station, "more.tar.gz", tar_of(*((f"{number}.bin", b"") for number in range(3_001))))
    store(station, "more.zip", zip_of(*((f"{number}.bin", b"") for number in range(3_001))))
    reasons = told(surveyed(station, search="more"))
    assert "more than 3000 files" in reasons["more.zip"]
    assert "more than 3000 files" in reasons["more.tar.gz"]
    assert Backfill.objects.latest("id").state == "surveyed"
