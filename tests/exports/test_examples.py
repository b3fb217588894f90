"""The examples in `docs/examples` read a package of each format and plot it."""

import shutil
from io import StringIO

import pytest
from django.core.management import call_command
from exports.conftest import JULY, MAY
from science import EXAMPLES, said, science_install

from fleet.telemetry.models import Reading

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    return science_install(tmp_path_factory.mktemp("science") / "venv")


def package(folder, wanted="csv"):
    words = [f"--from={MAY.isoformat()}", f"--to={JULY.isoformat()}", f"--format={wanted}", "--json"]
    call_command("export", "write", str(folder), "--organization=Institute", *words, stdout=StringIO())
    return folder


@pytest.mark.parametrize("wanted", ["csv", "parquet", "ndjson"])
def test_the_example_in_python_plots_a_package(station, tmp_path, python, wanted):
    folder, picture = package(tmp_path / "out", wanted), tmp_path / "picture.png"
    words = said([str(python), str(EXAMPLES / "plot_readings.py"), str(folder), str(picture)])
    assert f"{Reading.objects.count()} readings, 2 of them doubtful and not drawn" in words
    assert "The organization chose no licence" in words
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_example_in_python_refuses_a_damaged_file(station, tmp_path, python):
    folder = package(tmp_path / "out")
    with (folder / "readings.csv").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(AssertionError, match=r"readings\.csv is damaged: get the package again"):
        said([str(python), str(EXAMPLES / "plot_readings.py"), str(folder), str(tmp_path / "picture.png")])


def test_the_example_in_r_plots_a_package(station, tmp_path):
    if shutil.which("Rscript") is None:
        pytest.skip("The example is written in R, and this machine has no R.")
    folder, picture = package(tmp_path / "out"), tmp_path / "picture.pdf"
    words = said(["Rscript", str(EXAMPLES / "plot_readings.R"), str(folder), str(picture)])
    assert f"{Reading.objects.count()} readings, 2 of them doubtful and not drawn" in words
    assert picture.read_bytes().startswith(b"%PDF")
