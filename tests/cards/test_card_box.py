"""A card is foreign input: reading it is bounded, and everything that is left out has a reason."""

import gzip
import os
import stat
import zipfile

import pytest
from cards.conftest import file_name, hour_text

from fleet.core.errors import InvalidInput
from fleet.ingest.cards import box as boxes
from fleet.ingest.cards.box import CardBox
from formats.sensorgnome import card as cards


def read(path):
    """The accounts of all files by name, and the number of lines read."""
    with CardBox(path) as box:
        reader = box.reader()
        lines = sum(len(part.told) for part in reader.parts())
        return {report.file: report.account for report in reader.reports}, lines


def zip_make(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_a_folder_and_the_same_as_a_zip_are_one_card(card, tmp_path):
    files = [path for path in sorted(card.rglob("*")) if path.is_file()]
    packed = zip_make(tmp_path / "card.zip", [(str(p.relative_to(card)), p.read_bytes()) for p in files])

    def streams(path):
        with CardBox(path) as box:
            return [(m.kind, m.stream, m.seq, m.following) for part in box.reader().parts() for m in part.messages]

    assert streams(card) == streams(packed) != []


def test_a_link_is_not_followed(card, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("root:x:0:0\n")
    (card / file_name(hour=5)).symlink_to(secret)
    (card / "inner").symlink_to(tmp_path)
    inner = zip_make(tmp_path / "elsewhere.zip", [(file_name(hour=6), hour_text(6))])
    (card / "linked.zip").symlink_to(inner)
    accounts, lines = read(card)
    assert accounts[file_name(hour=5)].reason == "It is a link; only files are read."
    assert accounts[f"linked.zip/{file_name(hour=6)}"].reason == "It is a link; only files are read."
    assert accounts["inner"].reason == "It is not a regular file."
    assert lines == 21


def test_a_pipe_named_like_a_file_holds_up_nothing(card):
    os.mkfifo(card / "2021-12-16" / file_name(hour=1))
    accounts, lines = read(card)
    assert accounts[f"2021-12-16/{file_name(hour=1)}"].reason == "It is not a regular file."
    assert lines == 21


def test_members_that_lead_out_or_are_links_or_come_twice_are_refused_and_the_rest_is_read(tmp_path):
    link = zipfile.ZipInfo(file_name(hour=3))
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.warns(UserWarning, match="Duplicate name"):
        packed = zip_make(
            tmp_path / "card.zip",
            [
                (f"../../{file_name(hour=1)}", hour_text(1)),
                (f"/etc/{file_name(hour=2)}", hour_text(2)),
                (link, b"/etc/passwd"),
                (f"a/{file_name()}", hour_text()),
                (f"a/{file_name()}", hour_text(4)),
            ],
        )
    accounts, lines = read(packed)
    assert accounts[f"../../{file_name(hour=1)}"].reason == "Its path leads out of the archive."
    assert accounts[f"/etc/{file_name(hour=2)}"].reason == "Its path leads out of the archive."
    assert accounts[file_name(hour=3)].reason == "It is a link; only files are read."
    assert accounts[f"a/{file_name()}"].reason == "The archive has another file of this name, which was read."
    assert lines == 9


def test_a_bomb_is_refused_by_its_list_and_by_what_it_unpacks_to(tmp_path, monkeypatch):
    packed = zip_make(tmp_path / "bomb.zip", [(file_name(hour=n), bytes(4_000_000)) for n in range(3)])
    monkeypatch.setattr(boxes, "UNPACKED_MOST", 11_000_000)
    with pytest.raises(InvalidInput, match="unpack to more than"):
        read(packed)
    monkeypatch.setattr(boxes, "UNPACKED_MOST", 13_000_000)
    accounts, lines = read(packed)
    assert lines == 0
    assert {account.reason[:34] for account in accounts.values()} <= {
        "It contains only 4000000 zero byte",
        f"It is the same as {file_name()}"[:34],
    }


def test_files_that_unpack_without_end_are_refused_from_some_point_on(card, monkeypatch):
    # Each of these unpacks to a thousand times its size.
    (card / file_name(hour=8, end=".txt.gz")).write_bytes(gzip.compress(bytes(5_000_000)))
    (card / file_name(hour=9, end=".txt.gz")).write_bytes(gzip.compress(b"\n" * 5_000_000))
    monkeypatch.setattr(cards, "TEXT_MOST", 6_000_000)
    accounts, lines = read(card)
    assert accounts[file_name(hour=9)].reason.startswith("With this file, the card unpacks to more")
    assert accounts[file_name(hour=8)].state == "done"
    assert lines == 21


def test_a_member_that_lies_about_its_size_yields_no_more_than_it_said(tmp_path):
    packed = zip_make(tmp_path / "lie.zip", [(file_name(), hour_text() * 10_000)])
    raw = packed.read_bytes()
    true, false = len(hour_text() * 10_000), 100
    packed.write_bytes(raw.replace(true.to_bytes(4, "little"), false.to_bytes(4, "little")))
    accounts, lines = read(packed)
    assert accounts[file_name()].reason.startswith("The archive is broken here")
    assert lines == 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no list", b"p3,1639614325.5266,2.637,-38.87,-53.61\n"])
def test_what_is_no_card_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "card.zip"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="neither a folder nor a whole zip archive"):
        read(path)


def test_a_path_that_is_not_there_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read(tmp_path / "nowhere")


def test_too_many_files_are_refused_before_any_is_read(card, tmp_path, monkeypatch):
    monkeypatch.setattr(boxes, "FILES_MOST", 2)
    with pytest.raises(InvalidInput, match="more than 2 files"):
        read(card)
    packed = zip_make(tmp_path / "card.zip", [(file_name(hour=n), b"") for n in range(3)])
    with pytest.raises(InvalidInput, match="more than 2 files"):
        read(packed)


def test_a_name_that_is_no_text_is_shown_and_its_file_is_read(card):
    odd = os.fsencode(card) + b"/\xff\xfe-" + os.fsencode(file_name(hour=7))
    with open(odd, "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(hour_text(7))
    accounts, lines = read(card)
    assert accounts[rf"\xff\xfe-{file_name(hour=7)}"].state == "done"
    assert lines == 30


def test_a_file_that_grows_while_it_is_read_is_refused_and_the_rest_goes_on(card, monkeypatch):
    growing = card / "2021-12-16" / file_name()
    fstat, met = os.fstat, []

    def grow(number):
        found = fstat(number)
        if os.path.samestat(found, growing.stat()) and not met:
            met.append(number)
            with growing.open("ab") as file:
                file.write(b"p3,1639614399.5266,2.637,-38.87,-53.61\n")
        return found

    monkeypatch.setattr(boxes.os, "fstat", grow)
    accounts, lines = read(card)
    assert met
    assert accounts[f"2021-12-16/{file_name()}"].reason.startswith("It changed while it was read.")
    assert lines == 12


def test_every_byte_of_a_card_has_one_outcome(card):
    (card / "notes.txt").write_text("mast 2 is loose")
    (card / "._notes.txt").write_bytes(b"\x00\x05")
    (card / file_name(hour=8)).write_bytes(hour_text(8) + b"nonsense\n")
    accounts, _lines = read(card)
    for file, account in accounts.items():
        tally = account.tally
        assert tally.bytes_read == sum(tally[:4]), file
    assert accounts["notes.txt"].tally.bytes_refused == 15
    assert accounts["._notes.txt"].tally.bytes_kept_back == 2
    assert accounts[file_name(hour=8)].refusals == {"unparsed": 1}
