"""A client that a public generator makes from our OpenAPI document without warnings, used against a running server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from people import key_of, station_of
from site_processes import running

from fleet.core import clock
from fleet.telemetry.models import Reading, Series
from operations.paths import REPOSITORY
from operations.testing.checks import OPENAPI

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_counters")]

GENERATOR = REPOSITORY / "requirements" / "client.txt"
#: The generator's setting for bodies of bytes with their own media type, as its manual describes.
CONFIGURATION = """content_type_overrides:
  image/jpeg: application/octet-stream
  application/zip: application/octet-stream
  application/x-ndjson: application/octet-stream
  application/vnd.apache.parquet: application/octet-stream
  application/offset+octet-stream: application/octet-stream
"""
USE = Path(__file__).with_name("use_generated_client.py")


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> tuple[Path, Path]:
    """Run the generator in its own environment; return the interpreter there and the client's folder."""
    folder = tmp_path_factory.mktemp("client")
    tools = folder / "tools"
    uv = [sys.executable, "-m", "uv"]
    run([*uv, "venv", "--quiet", "--python", sys.executable, str(tools)])
    python = tools / "bin" / "python"
    run(
        [*uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python), "--requirement", str(GENERATOR)]
    )
    settings = folder / "settings.yaml"
    settings.write_text(CONFIGURATION)
    client = folder / "roost_client"
    words = [str(tools / "bin" / "openapi-python-client"), "generate", "--path", str(OPENAPI), "--meta", "none"]
    words += ["--output-path", str(client), "--config", str(settings), "--fail-on-warning"]
    said = run(words, PATH=os.pathsep.join((str(tools / "bin"), os.environ["PATH"])))
    assert "warning" not in said.lower()
    return python, client


def run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def told(generated, tmp_path, institute) -> dict[str, object]:
    python, client = generated
    station = station_of(institute, name="Old Cut")
    series = Series.objects.create(station=station, name="weather/temp", unit="Cel", created_at=clock.now())
    Reading.objects.create(series=series, occurred_at=clock.now(), received_at=clock.now(), value=21.5)
    with running(tmp_path, "site") as processes:
        said = run(
            [str(python), str(USE), processes.site, key_of(institute, write=True), station.serial],
            PYTHONPATH=str(client.parent),
            NO_PROXY="*",
        )
    return json.loads(said.splitlines()[-1])


def test_a_generated_client_reads_a_file(told):
    assert told["file"] == ["value", "21.5"]


def test_a_generated_client_asks_changes_and_repeats(told):
    assert {name: word for name, word in told.items() if name != "file"} == {
        "names": ["Old Cut"],
        "few fields": ["name"],
        "unchanged": 304,
        "first": 201,
        "again": 201,
        "replayed": "true",
        "other body": 422,
        "changed": "Tip",
        "stale": 412,
        "value": 21.5,
        "unknown": "There is no station SG-NOBODY that you may see.",
    }
