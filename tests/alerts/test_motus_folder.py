"""Folders for Motus named after no station are reported to the administrators once, until they are gone."""

import pytest
from people import institute, station_of

from fleet.alerts.models import Trouble
from fleet.alerts.server_problems.motus_folder import motus_folder_judge

__all__ = ["institute"]

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    motus_folder_judge()
    return list(Trouble.objects.filter(ended_at=None).values_list("sentence", flat=True))


def test_names_of_no_station_are_counted_and_five_are_named(institute, settings, tmp_path):
    settings.ROOST_MOTUS_FOLDER = str(tmp_path)
    station = station_of(institute)
    (tmp_path / station.serial).mkdir()
    assert told() == []
    for number in range(6):
        (tmp_path / f"SG-other{number}").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / station.serial.lower()).mkdir(exist_ok=True)
    (sentence,) = told()
    names = 8 if station.serial.lower() != station.serial else 7
    assert f": {names} (SG-other0, SG-other1, SG-other2, SG-other3, SG-other4 …)" in sentence
    for path in tmp_path.iterdir():
        if path.name != station.serial:
            path.unlink() if path.is_file() else path.rmdir()
    assert told() == []
    assert Trouble.objects.count() == 1


def test_a_folder_that_is_not_there_is_told_and_without_a_setting_nothing_is(settings, tmp_path):
    settings.ROOST_MOTUS_FOLDER = str(tmp_path / "gone")
    (sentence,) = told()
    assert "cannot be read: No such file or directory" in sentence
    settings.ROOST_MOTUS_FOLDER = ""
    assert told() == []
