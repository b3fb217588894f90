"""File names of every era are understood; others are left alone."""

import pytest

from station_agent.sensorgnome.folder import entries
from station_agent.sensorgnome.names import file_name_parse


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


def test_the_compressed_form_beside_the_plain_one_comes_second(tmp_path):
    name = "sgv2-7F5ERPI46977-003-2021-12-16T00-25-01.6590Z-all.txt"
    (tmp_path / name).touch()
    (tmp_path / f"{name}.gz").touch()
    (tmp_path / "notes.txt").touch()
    found = [(entry.key, entry.plain is not None) for entry in entries(tmp_path, [])]
    assert found == [("notes.txt", False), (name, False), (f"{name}.gz", True)]
