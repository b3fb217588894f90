"""File names of every era are understood; other files are left alone."""

import os

import pytest

from formats.sensorgnome.found import entries
from formats.sensorgnome.names import file_name_parse, is_foreign, name_show, other_file_reason
from station_agent.sensorgnome.serials import serials_taken


@pytest.mark.parametrize(
    ("name", "clock", "source", "start"),
    [
        ("kingsburg-4001BBBK2600-000176-2017-09-01T16-08-51.2850T-all.txt.gz", "T", "all", 1_504_282_131_285_000),
        ("changeMe-7F5ERPI46977-3-2021-12-16T00-25-01.6590Z-ctt.txt.gz", "Z", "ctt", 1_639_614_301_659_000),
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590P-all.txt", "P", "all", 1_639_614_301_659_000),
        ("a-b-c-7F5ERPI46977-NaN-2000-01-01T00-00-11.0000P-all.txt", "P", "all", 946_684_811_000_000),
        ("x-1-2021-99-99T00-25-01.6590Z-all.txt", "Z", "all", 0),
    ],
)
def test_names(name, clock, source, start):
    parsed = file_name_parse(name)
    assert (parsed.clock, parsed.source, parsed.start) == (clock, source, start)
    assert parsed.name == name.removesuffix(".gz")


@pytest.mark.parametrize("name", ["datafiles.json", "x.txt", "sgv2-1-2-2021-12-16T00-25-01.6590Z-all.txt.gz.part", ""])
def test_other_files_are_none(name):
    assert file_name_parse(name) is None


@pytest.mark.parametrize(
    ("name", "reason", "may_be_data"),
    [
        (
            "CTT-V30B0154CD0C-raw-data.2022-08-15_095039.csv.gz",
            "Its name is not complete for a file of a CTT SensorStation.",
            True,
        ),
        ("a-lifetag.csv", "It is a CTT LifeTag table", True),
        ("SRX800_00123.DTA", "It is a file of a Lotek receiver", True),
        ("all.zip", "It is a zip archive", True),
        ("all.tar.gz", "It is an archive", True),
        ("notes.txt", "Its name is not that of a data file of a Sensorgnome or SensorStation.", True),
        ("._sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt", "It is a macOS metadata file", False),
        ("Thumbs.db", "A computer's system file", False),
        ("datafiles.json", "The recorder's list of its files", False),
    ],
)
def test_a_file_that_is_not_read_has_its_reason(name, reason, may_be_data):
    told, counts = other_file_reason(name)
    assert (told[: len(reason)], counts) == (reason, may_be_data)


def test_the_compressed_form_beside_the_plain_one_comes_second(tmp_path):
    name = "sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt"
    (tmp_path / name).touch()
    (tmp_path / f"{name}.gz").touch()
    (tmp_path / "notes.txt").touch()
    found = [(entry.key, entry.plain is not None) for entry in entries(tmp_path, [])]
    assert found == [("notes.txt", False), (name, False), (f"{name}.gz", True)]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"H\xf6fn.txt", "H\\xf6fn.txt"),
        ("Höfn.txt".encode(), "Höfn.txt"),
        (b"H\\xf6fn.txt", "H\\\\xf6fn.txt"),
        (b"a\nb\tc\x1b.txt", "a\\nb\\tc\\x1b.txt"),
        ("rtl\u202etxt.exe".encode(), "rtl\\u202etxt.exe"),
    ],
)
def test_a_name_is_shown_as_text_and_no_two_alike(raw, shown):
    assert name_show(os.fsdecode(raw)) == shown


def test_a_long_name_is_shown_short_and_still_its_own():
    names = [name_show("x" * 240 + end) for end in ("1.txt", "2.txt")]
    assert len(set(names)) == 2
    assert all(len(name) <= 200 for name in names)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all (1).txt", "all.txt"),
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt (2).gz", "all.txt"),
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all - Copy.txt", "all.txt"),
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.TXT", "all.txt"),
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt.bz2", "all.txt"),
    ],
)
def test_a_copy_goes_by_the_name_of_its_original(name, plain):
    assert file_name_parse(name).name == f"sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-{plain}"


@pytest.mark.parametrize(
    ("name", "own", "foreign"),
    [
        ("sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt", "sg-7f5erpi46977_1", False),
        ("sgv2-7f5erpi46977-003-2021-12-16T00-25-01.6590Z-all.txt", "SG-7F5ERPI46977", False),
        ("sgv2-SG-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt", "7F5ERPI46977", False),
        ("sgv2-7F5ERPI46977_1-003-2021-12-16T00-25-01.6590Z-all.txt", "SG-7F5ERPI46977", False),
        ("sgv2-7F5ERPI46977_2-003-2021-12-16T00-25-01.6590Z-all.txt", "SG-7F5ERPI46977", True),
        ("sgv2-8D21RPZ2778A-003-2021-12-16T00-25-01.6590Z-all.txt", "SG-7F5ERPI46977", True),
        ("sgv2-8D21RPZ2778A-003-2021-12-16T00-25-01.6590Z-all.txt", "our-own-box", False),
        ("sgv2-whatever-003-2021-12-16T00-25-01.6590Z-all.txt", "SG-7F5ERPI46977", False),
    ],
)
def test_whose_file_it_is_goes_by_the_serial_however_it_is_written(name, own, foreign):
    assert is_foreign(file_name_parse(name), serials_taken(own)) is foreign
