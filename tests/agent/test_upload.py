"""`station-agent upload` against the real site: whole folders, cuts, interruptions, and what is refused."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent.bad_link import BadLink
from django.core.cache import cache
from people import institute, station_of
from site_processes import ROOT, Running, running
from waiting import PATIENCE_S, until

from fleet.core import clock
from fleet.files.models import FileRevision, StoreAccount, Upload
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential
from station_agent.config import config_write
from station_agent.uploads.tus import Uploader
from station_agent.uploads.upload import upload_run

__all__ = ["institute"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

SECRET = "of the station"


@pytest.fixture
def site(tmp_path_factory) -> Iterator[Running]:
    cache.clear()
    folder = tmp_path_factory.mktemp("site")
    with running(
        folder, "site", ROOST_FILES_ROOT=str(folder), ROOST_API_RATE="1000000", STATION_AGENT_PLAIN=""
    ) as made:
        yield made


@pytest.fixture
def station(institute):
    station = station_of(institute)
    Credential.objects.create(
        station=station, generation=1, username=f"st.{station.serial}.1", secret_hash=token_hash(SECRET),
        issued_at=clock.now(),
    )  # fmt: skip
    return station


@pytest.fixture
def card(tmp_path) -> Path:
    """A small card: files of two days, an empty file, and a computer's own file."""
    for name in ("2026-05-01/a.txt", "2026-05-01/b.txt.gz", "2026-05-02/c.txt"):
        path = tmp_path / "SGdata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(70_000))
    (tmp_path / "SGdata" / "2026-05-02" / "empty.txt").touch()
    (tmp_path / "SGdata" / "2026-05-02" / "Thumbs.db").write_bytes(b"x")
    return tmp_path / "SGdata"


@pytest.fixture
def agent(tmp_path, station) -> Callable[..., subprocess.Popen[str]]:
    """Start the agent's command with this station's login."""

    def start(port: int, *words: str | Path) -> subprocess.Popen[str]:
        config = tmp_path / "agent.toml"
        amqp = {
            "host": "127.0.0.1", "port": 1, "username": f"st.{station.serial}.1", "password": SECRET,
            "exchange": f"in.{station.serial}", "command_queue": f"cmd.{station.serial}", "tls": False,
        }  # fmt: skip
        config_write(config, {"serial": station.serial, "server": f"http://127.0.0.1:{port}", "amqp": amqp})
        return subprocess.Popen(
            [sys.executable, "-m", "station_agent", "upload", *map(str, words), "--config", str(config)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def ended(process: subprocess.Popen[str], code: int) -> str:
    out, trouble = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, (out, trouble)
    return out if code == 0 or out else trouble


def told(process: subprocess.Popen[str], code: int = 0) -> Any:
    return json.loads(ended(process, code))


def stored() -> dict[str, str]:
    rows = FileRevision.objects.select_related("file", "content")
    return {row.file.path: row.content.sha256 for row in rows}


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.txt*")
    }  # fmt: skip


def test_each_file_of_a_folder_has_its_result_and_the_sums_hold(site, agent, card):
    first = told(agent(site.site_port, card, "--json"))
    assert {each["file"]: each["outcome"] for each in first["files"]} == {
        **dict.fromkeys(hashes(card), "stored"),
        "2026-05-02/Thumbs.db": "kept back",
    }
    assert first["total"] == {
        "files": 5, "stored": 4, "known": 0, "kept_back": 1, "refused": 0, "bytes_sent": 210_000,
    }  # fmt: skip
    assert stored() == hashes(card)
    second = ended(agent(site.site_port, card), 0).splitlines()
    assert second[-1] == "5 files: 0 stored, 4 known, 1 kept back, 0 refused; 0 B sent."
    # The folder of one day, or a file in it, has the same names.
    day = told(agent(site.site_port, card / "2026-05-01", "--json"))
    assert [each["file"] for each in day["files"]] == ["2026-05-01/a.txt", "2026-05-01/b.txt.gz"]
    one = told(agent(site.site_port, card / "2026-05-01" / "a.txt", "--json"))
    assert [(each["file"], each["outcome"]) for each in one["files"]] == [("2026-05-01/a.txt", "known")]


def test_a_cut_line_costs_nothing_that_arrived(site, station, tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(6_000_000))
    link, cuts = BadLink(site.site_port), []
    uploader = Uploader(
        server=f"http://127.0.0.1:{link.port}", login=(f"st.{station.serial}.1", SECRET), ca_file=None,
        give_up=PATIENCE_S,
    )  # fmt: skip

    def cut_often(_name: str, there: int, _size: int) -> None:
        if there // 1_500_000 > len(cuts):
            cuts.append(there)
            link.cut()

    results = list(upload_run(uploader, path, cut_often))
    link.stop()
    assert ([each.outcome for each in results], len(cuts) >= 3) == (["stored"], True)
    assert stored() == {"big.bin": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_an_agent_that_was_killed_goes_on_at_the_server_s_offset(site, agent, tmp_path):
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(60_000_000))
    parts = Path(site.environment["ROOST_FILES_ROOT"]) / "uploads"
    first = agent(site.site_port, path)

    def there() -> int:
        return sum(part.stat().st_size for part in parts.rglob("*") if part.is_file())

    until(lambda: there() > 0 or first.poll() is not None, "the first bytes")
    first.kill()
    first.communicate()
    again = told(agent(site.site_port, path, "--json"))
    assert again["files"][0]["outcome"] in ("stored", "known")
    assert Upload.objects.filter(state="stored").count() == 1
    assert stored() == {"big.bin": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_what_is_refused_has_a_reason_and_costs_the_others_nothing(site, agent, card, institute):
    (card / "2026-05-01" / "link.txt").symlink_to(card / "nothing")
    (card / "2026-05-03").mkdir()
    (card / "2026-05-03" / "large.txt").write_bytes(os.urandom(300_000))
    StoreAccount.objects.create(organization=institute, quota_octets=250_000)
    answer = told(agent(site.site_port, card, "--json"), 1)
    refused = {each["file"]: each["reason"] for each in answer["files"] if each["outcome"] == "refused"}
    assert set(refused) == {"2026-05-01/link.txt", "2026-05-03/large.txt"}
    assert "regular file" in refused["2026-05-01/link.txt"]
    assert "may take 250000 bytes" in refused["2026-05-03/large.txt"]
    assert answer["total"]["stored"] == 4


def test_a_file_that_changed_is_refused_and_never_stored(site, station, tmp_path):
    path = tmp_path / "changing.txt"
    path.write_bytes(b"first" * 1_000)
    uploader = Uploader(
        server=f"http://127.0.0.1:{site.site_port}", login=(f"st.{station.serial}.1", SECRET), ca_file=None,
        give_up=PATIENCE_S,
    )  # fmt: skip

    def change(_name: str, _there: int, _size: int) -> None:
        path.write_bytes(os.urandom(5_000))

    (result,) = upload_run(uploader, path, change)
    assert (result.outcome, "changed while it was being sent" in result.reason) == ("refused", True)
    assert stored() == {}


def test_a_wrong_login_and_a_server_that_stays_away_are_said(site, agent, card):
    Credential.objects.update(revoked_at=clock.now())
    assert "does not let this login upload" in ended(agent(site.site_port, card), 1)
    site.stop("site")
    assert "127.0.0.1" in ended(agent(site.site_port, card, "--give-up", "1"), 1)


def test_a_name_that_is_no_text_is_shown_and_taken(site, agent, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"odd")
    assert told(agent(site.site_port, folder, "--json"))["files"][0]["file"] == "caf\\xe9.txt"
    assert list(stored()) == ["caf\\xe9.txt"]
