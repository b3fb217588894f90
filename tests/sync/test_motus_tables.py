"""Tables from CTT SensorStations go to Motus too, if Motus documents their kind and the serial is the receiver's."""

import gzip
from datetime import date

import ctt_files as made
import pytest

from fleet.sync.motus.archive import day_checked, day_of
from fleet.sync.motus.source import SourceFile


@pytest.fixture
def file(tmp_path):
    def put(name, content=None):
        path = tmp_path / name
        path.write_bytes(gzip.compress(made.tags_text(3)) if content is None else content)
        return SourceFile(name, path.stat().st_size, path)

    return put


@pytest.mark.parametrize(
    ("name", "day"),
    [
        (made.file_name(end=".csv.gz"), date(2022, 8, 15)),
        (made.file_name("gps", closed="2022-08-15_235959"), date(2022, 8, 15)),
        (made.file_name(closed=""), None),
        (made.file_name("log"), None),
        (made.file_name(closed="2022-99-15_095039"), None),
    ],
)
def test_the_day_is_that_on_which_the_station_closed_the_table(name, day):
    assert day_of(name) == day


def test_tables_that_motus_describes_are_sent_and_the_wait_is_said(file):
    kinds = ("raw-data", "data", "node-health", "node-data", "gps", "blu")
    files = [file(made.file_name(kind, end=".csv.gz")) for kind in kinds]
    day = day_checked(made.SERIAL, files)
    checked, warnings = day.files, day.warnings
    assert {one.file.name for one in checked if not one.refusal} == {one.name for one in files[:-1]}
    assert [one.refusal for one in checked if one.refusal] == ["Motus does not describe tables of this kind: blu."]
    assert warnings == [
        "Motus hands tables of SensorStations to CTT, and gets their detections back days to months later."
    ]


def test_a_table_of_another_receiver_or_a_broken_one_is_left_out(file):
    other = file(made.file_name(serial="CTT-867459049219777", end=".csv.gz"))
    broken = file(made.file_name(end=".csv.gz"), gzip.compress(made.tags_text(60))[:40])
    day = day_checked(made.SERIAL.lower(), [other, broken])
    checked, warnings = day.files, day.warnings
    assert [bool(one.refusal) for one in checked] == [True, True]
    assert "CTT-867459049219777" in checked[0].refusal
    assert warnings == []


def test_tables_beside_a_sensorgnomes_files_say_nothing_of_its_boots(file):
    files = [
        file("site-7F5ERPI46977-000123-2022-08-15T05-06-07.1234P-all.txt.gz"),
        file(made.file_name(end=".csv.gz")),
        file("site-7F5ERPI46977-000124-2022-08-15T10-06-07.1234P-all.txt.gz"),
    ]
    day = day_checked("SG-7F5ERPI46977", files)
    checked, warnings = day.files, day.warnings
    assert [bool(one.refusal) for one in checked] == [True, False, False]
    assert warnings == []
