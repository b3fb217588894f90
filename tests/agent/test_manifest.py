"""The manifest: every file that the station holds, with its SHA-256, reported once, and again when it has changed."""

import errno
import gzip
import hashlib
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from agent.conftest import REAL_DATA, poll_all
from agent.manifests import age, known, manifests, settle, source_of
from agent.test_sensorgnome_source import pulse

from formats.paths import path_of_text, path_text
from message_queue.contracts.commands.base import NoParameters
from message_queue.contracts.commands.upload_files import AskedFile, UploadFiles
from station_agent.commands import handlers
from station_agent.manifest import hashing
from station_agent.manifest.orders import UploadOrders
from station_agent.outbox import ROW_OVERHEAD
from station_agent.sources import files as files_source
from station_agent.sources import sources_make

BEGAN = datetime(2026, 5, 1, tzinfo=UTC)


def name_at(hour: int, day: str = "2026-05-01", boot: int = 7) -> str:
    at = BEGAN + timedelta(hours=hour)
    return f"{day}/old-7F5ERPI46977-{boot:06d}-{at:%Y-%m-%dT%H-%M-%S}.0000T-all.txt"


def write(root: Path, name: str | bytes, content: bytes, *, seconds: float = 100_000.0) -> Path:
    path = root / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return age(path, seconds)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "SGdata"
    folder.mkdir()
    return folder


def test_each_file_is_told_once_with_its_hash_and_what_is_left_out_is_counted(root, make_station):
    for name in (b"2026-05-01/a.txt", b"2026-05-01/K\xfchn.txt", b"odd\nname\\x.bin", "höfn/\x85.txt", b"\xc2\x85\x85"):
        write(root, name, os.urandom(1_000))
    write(root, "2026-05-01/.DS_Store", b"x")
    write(root, "/".join(["d" * 200] * 3) + "/far.txt", b"x")
    (root / "link.txt").symlink_to(root / "2026-05-01" / "a.txt")
    os.mkfifo(root / "pipe")
    station = make_station()
    source = source_of(station)
    settle(source)
    told = list(manifests(station))
    assert len(told) == 1
    files = known(iter(told))
    there = {
        path.relative_to(root): path for path in root.rglob("*") if path.is_file() and not path.is_symlink()
    }  # fmt: skip
    listed = {Path(path_of_text(name)): file for name, file in files.items()}
    assert {name: file.sha256 for name, file in listed.items()} == {
        name: digest(path) for name, path in there.items() if name.name not in (".DS_Store", "far.txt")
    }
    assert all(file.size == 1_000 and file.modified for file in files.values())
    assert all(name.isprintable() for name in files)
    assert told[0].left == {"no_data": 1, "long_name": 1, "link": 1, "special": 1}
    assert (told[0].held, told[0].held_bytes, told[0].waiting, told[0].is_listed) == (5, 5_000, 0, True)
    settle(source)
    assert len(list(manifests(station))) == 1


@pytest.mark.parametrize("raw", [b"a", b"\\", b"\\x41", b"\xff\\\n", "ä\u200b\x85\xa0".encode(), b"\xc2\x85\x85\xc2"])
def test_a_path_comes_back_from_its_text(raw):
    text = path_text(os.fsdecode(raw))
    assert text.isprintable()
    assert os.fsencode(path_of_text(text)) == raw


def test_a_growing_file_waits_until_it_is_followed_or_at_rest(root, make_station):
    first = write(root, name_at(0), b"p3,1777593600.5,2.6,-38.87,-53.61\n", seconds=0)
    station = make_station()
    source = source_of(station)
    settle(source)
    [told] = list(manifests(station))
    assert (told.files, told.held, told.waiting, told.waiting_bytes) == ([], 0, 1, 34)
    # The next file of the same recorder and boot exists, and the first did not change for a minute.
    write(root, name_at(1), b"", seconds=0)
    age(first, 60)
    settle(source)
    assert set(known(manifests(station))) == {name_at(0)}
    # It grows once more: until it is at rest again, the server keeps its earlier state.
    first.write_bytes(first.read_bytes() * 2)
    settle(source)
    assert known(manifests(station))[name_at(0)].size == 34
    age(first, 60)
    settle(source)
    assert known(manifests(station))[name_at(0)].sha256 == digest(first)


def test_files_that_wait_or_cannot_be_read_block_no_others(root, make_station, monkeypatch):
    # Newer days come first, so the eight `new` and `secret` files are tried first at each scan.
    for number in range(4):
        write(root, f"2026-05-09/new{number}.bin", b"new", seconds=0)
        write(root, f"2026-05-08/secret{number}.bin", b"secret")
        write(root, f"2026-05-01/old{number}.bin", b"old%d" % number)

    def opened(file, path):
        # Taking the permission away would not stop a superuser.
        if "secret" in path.name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return hashing.Hashing(file, path)

    monkeypatch.setattr(files_source, "_UNHASHED_MOST", 3)
    monkeypatch.setattr(files_source, "Hashing", opened)
    station = make_station()
    settle(source_of(station))
    told = list(manifests(station))
    assert set(known(iter(told))) == {f"2026-05-01/old{number}.bin" for number in range(4)}
    assert (told[-1].held, told[-1].waiting) == (4, 8)


def test_what_is_gone_is_told_and_a_folder_that_is_away_too(root, make_station):
    write(root, "2026-05-01/a.bin", b"a")
    write(root, "2026-05-02/b.bin", b"b")
    station = make_station()
    source = source_of(station)
    settle(source)
    (root / "2026-05-02" / "b.bin").unlink()
    (root / "2026-05-02").rmdir()
    settle(source)
    assert set(known(manifests(station))) == {"2026-05-01/a.bin"}
    assert [file.path for file in list(manifests(station))[-1].files if file.is_gone] == ["2026-05-02/b.bin"]


def test_what_lies_below_an_unreadable_folder_is_not_gone(root, make_station):
    write(root, "2026-05-01/inner/a.bin", b"a")
    write(root, "b.bin", b"b")
    station = make_station()
    source = source_of(station)
    settle(source)
    # The folder vanishes for a while, as if its card were not mounted.
    away = root.rename(root.with_name("away"))
    settle(source)
    away.rename(root)
    settle(source)
    assert [file.path for body in list(manifests(station))[1:] for file in body.files] == []
    assert set(known(manifests(station))) == {"2026-05-01/inner/a.bin", "b.bin"}


def test_a_file_that_changes_while_it_is_hashed_is_not_told(root, make_station, monkeypatch):
    path = write(root, "2026-05-01/a.bin", os.urandom(300_000))
    monkeypatch.setattr(hashing, "SLICE_SECONDS", -1.0)
    station = make_station()
    source = source_of(station)
    source._look_at = 0.0
    while source._hashing is None:
        source.poll()
    path.write_bytes(path.read_bytes() + b"more")
    while source._hashing is not None:
        source.poll()
    source._tell_at = 0.0
    source.poll()
    assert [body.files for body in manifests(station)] == [[]]
    age(path)
    settle(source)
    assert known(manifests(station))["2026-05-01/a.bin"].sha256 == digest(path)


def test_nothing_is_read_twice_and_a_slice_is_short(root, make_station, monkeypatch):
    for number in range(20):
        write(root, f"2026-05-01/{number}.bin", os.urandom(50_000))
    opened = Counter()
    usual = hashing.Hashing.__init__

    def counted(self, file, path):
        opened[file.name] += 1
        usual(self, file, path)

    monkeypatch.setattr(hashing.Hashing, "__init__", counted)
    station = make_station()
    settle(source_of(station))
    # The agent starts again.
    again = source_of(station)
    settle(again)
    assert set(opened.values()) == {1}
    assert len(opened) == 20
    began = time.monotonic()
    again._look_at = 0.0
    rest = again.poll()
    # The source rests nine times as long as it worked.
    assert rest >= 8 * (time.monotonic() - began - 0.05)


def test_everything_is_told_again_on_request_and_after_a_drop(root, make_station):
    write(root, "2026-05-01/a.bin", b"a")
    grown = write(root, "2026-05-01/b.bin", b"b")
    station = make_station()
    source = source_of(station)
    settle(source)
    grown.write_bytes(b"bb")
    settle(source)
    assert handlers()["list_files"].run(station, NoParameters()).state == "succeeded"
    settle(source)
    last = list(manifests(station))[-1]
    assert (last.listing, last.is_listed) == (2, True)
    # The listing names the file that is changing, so that the server does not take it for gone.
    assert {file.path: file.is_growing for file in last.files} == {"2026-05-01/a.bin": False, "2026-05-01/b.bin": True}
    with station.outbox.database.transaction() as sql:
        sql.execute("INSERT INTO dropped VALUES ('manifest', 1)")
    settle(source)
    assert [body.listing for body in manifests(station)][-1] == 3
    settle(source)
    assert [body.listing for body in manifests(station)].count(3) == 1


def test_the_end_of_an_upload_is_told_again_if_its_message_was_dropped(root, make_station):
    write(root, "2026-05-01/a.bin", b"a")
    station = make_station()
    source = source_of(station)
    settle(source)
    orders = UploadOrders(station.outbox.database)
    asked = AskedFile(path="2026-05-01/a.bin", sha256=hashlib.sha256(b"a").hexdigest())
    orders.add(UploadFiles(files=[asked], until=time.time() + 60.0))
    (order,) = orders.open_list()
    orders.sent_add(order, 1)
    orders.end(order, "refused", "The quota is used up.")

    def ends_told():
        settle(source)
        return [end for body in manifests(station) for end in body.uploads]

    told = ends_told()
    assert [(end.path, end.end, end.reason, end.sent) for end in told] == [
        ("2026-05-01/a.bin", "refused", "The quota is used up.", 1)
    ]
    with station.outbox.database.transaction() as sql:
        sql.execute("DELETE FROM outbox WHERE kind = 'manifest'")
        sql.execute("INSERT INTO dropped VALUES ('manifest', 1)")
    assert ends_told() == told
    with station.outbox.database.transaction() as sql:
        sql.execute("DELETE FROM outbox WHERE kind = 'manifest'")
    assert ends_told() == [], "this time the message was sent, not dropped"
    assert orders.ended(10) == []


def test_a_listing_names_a_file_that_this_very_look_finds_changed(root, make_station):
    path = write(root, "2026-05-01/a.bin", b"a")
    station = make_station()
    source = source_of(station)
    settle(source)
    path.write_bytes(b"bb")
    assert handlers()["list_files"].run(station, NoParameters()).state == "succeeded"
    settle(source)
    last = list(manifests(station))[-1]
    assert (last.is_listed, [file.path for file in last.files]) == (True, ["2026-05-01/a.bin"])
    assert set(known(manifests(station))) == {"2026-05-01/a.bin"}


def test_a_visiting_station_tells_a_bounded_part_a_day(root, make_station):
    for number in range(600):
        write(root, f"2026-05-01/{number:04d}.bin", b"%d" % number)
    station = make_station(profile="frugal")
    source = source_of(station)
    settle(source)
    assert list(manifests(station)) == []
    for told in (250, 500, 600):
        station.reports += 1
        settle(source)
        assert len(known(manifests(station))) == told
    assert [body.is_listed for body in manifests(station)] == [False, False, True]


def test_contents_are_those_of_the_file_by_kind_of_line(root, make_station, tmp_path):
    lines = [pulse(1777593600 + each) for each in range(50)]
    lines += ["G,1777593700.0,52.1,13.2,40\n", "S,1777593701.0,3,frequency,150.1,0,\n", "nonsense\n"]
    path = write(root, name_at(0) + ".gz", gzip.compress("".join(lines).encode()))
    station = make_station()
    sources = sources_make(station)
    poll_all(sources["sensorgnome"])
    settle(sources["files"])
    file = known(manifests(station))[name_at(0) + ".gz"]
    assert file.lines == {"pulse": 50, "position": 1, "event": 1, "unparsed": 1}
    assert (file.first, file.last, file.sha256) == (1777593600, 1777593701, digest(path))


def test_contents_that_become_known_later_are_told_then(root, make_station):
    write(root, name_at(0), "".join(pulse(1777593600 + each) for each in range(3)).encode())
    station = make_station()
    sources = sources_make(station)
    settle(sources["files"])
    assert known(manifests(station))[name_at(0)].lines == {}
    poll_all(sources["sensorgnome"])
    settle(sources["files"])
    assert known(manifests(station))[name_at(0)].lines == {"pulse": 3}


def test_a_month_of_hourly_files_costs_a_frugal_station_little(root, make_station):
    station = make_station(profile="frugal")
    source = source_of(station)
    settle(source)
    for day in range(30):
        for hour in range(24):
            content = os.urandom(20)
            write(root, name_at(24 * day + hour, f"2026-05-{day + 1:02d}") + ".gz", content)
        station.reports += 1
        settle(source)
    with station.outbox.database.reading() as sql:
        count, octets = sql.execute(
            f"SELECT count(*), sum(size - {ROW_OVERHEAD}) FROM outbox WHERE kind = 'manifest'"
        ).fetchone()
    assert len(known(manifests(station))) == 720
    print(f"{count} messages, {octets} bytes, {octets / 720:.1f} a file")
    # The link adds some 300 bytes to a message; the whole station may use 2 MB a month.
    assert octets + 300 * count < 100_000


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="no real data on this machine")
def test_a_real_card_is_told_with_what_is_in_it(make_station):
    recorder = {"directory": str(REAL_DATA), "any_station": True}
    station = make_station(sources={"sensorgnome": recorder, "files": {"finished_after": 1.0}})
    sources = sources_make(station)
    poll_all(sources["sensorgnome"])
    settle(sources["files"])
    files = known(manifests(station))
    there = {str(path.relative_to(REAL_DATA)): path for path in REAL_DATA.rglob("*") if path.is_file()}
    last = list(manifests(station))[-1]
    assert (len(files), last.left, last.waiting) == (len(there), {}, 0)
    for name, file in files.items():
        assert file.sha256 == digest(there[name])
        if file.lines:
            packed = there[name].read_bytes()
            text = gzip.decompress(packed) if name.endswith(".gz") else packed
            assert file.lines.get("pulse", 0) == sum(line[:1] == b"p" for line in text.splitlines())
    assert sum(bool(file.lines) for file in files.values()) > 0
