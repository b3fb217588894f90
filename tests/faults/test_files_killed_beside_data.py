"""Files are uploaded beside live data while the broker, or ingest and the site, are killed: nothing loses a byte."""

import hashlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from faults.processes import Supervised
from site_processes import _free_ports
from waiting import PATIENCE_S, until

from operations.running.process_table import UVICORN
from station_agent.config import AmqpSettings
from station_agent.uploads.amqp import AmqpUploader
from station_agent.uploads.sending import FileSender
from station_agent.uploads.tus import Uploader
from station_agent.uploads.upload import UploadResult, upload_run

pytestmark = pytest.mark.faults

FILES, OCTETS = 4, 5_000_000


class Card:
    """A station's card, which an agent uploads in a thread of its own."""

    def __init__(self, folder: Path, sender: FileSender, seed: str) -> None:
        folder.mkdir()
        random = Random(seed)
        for number in range(FILES):
            (folder / f"{number}.bin").write_bytes(random.randbytes(OCTETS))
        self.sent = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        self.sender, self.results = sender, list[UploadResult]()
        self.thread = threading.Thread(target=self._run, args=(folder,), daemon=True)

    def _run(self, folder: Path) -> None:
        self.results += upload_run(self.sender, folder, lambda *_: None)
        self.sender.close()


@pytest.fixture
def site(rig) -> Iterator[tuple[str, Supervised]]:
    """The rig's own site, which is started again whenever it ends."""
    (port,) = _free_ports(1)
    flags = [flag.format(bind="127.0.0.1") for flag in UVICORN]
    command = [sys.executable, *flags, f"--port={port}", "web.asgi:application"]
    logs, address = rig.stack.paths.logs, f"http://127.0.0.1:{port}"
    process = Supervised("site", command, rig.environment | {"ROOST_API_RATE": "1000000"}, logs).start()

    def is_up() -> bool:
        try:
            return httpx.get(f"{address}/healthz", trust_env=False, timeout=20).status_code == 200
        except httpx.TransportError:
            return False

    until(is_up, "the site")
    yield address, process
    process.stop()


@pytest.mark.parametrize("victim", ["broker", "worker and site"])
def test_files_go_home_beside_live_data_while_something_is_killed(rig, case, grants, site, tmp_path, victim):
    number = {"broker": "104", "worker and site": "105"}[victim]
    kills = 1 if victim == "broker" else 2
    one = case(f"{victim} killed while files go home", number=number)
    (new,) = rig.stations(f"SG-F11E{number}RPI40001")
    words = {name: value for name, value in new.items() if name not in {"serial", "plain_port"}}
    amqp, (address, process) = AmqpSettings(**words), site
    over_https = Uploader(
        server=address, login=(grants[0]["username"], grants[0]["password"]), ca_file=None, give_up=PATIENCE_S
    )
    cards = {
        new["serial"]: Card(
            tmp_path / "amqp", AmqpUploader(amqp, heartbeat=30, give_up=PATIENCE_S), f"{rig.seed}/{number}/amqp"
        ),
        grants[0]["serial"]: Card(tmp_path / "https", over_https, f"{rig.seed}/{number}/https"),
    }
    slow, quick = cards.values()
    slow.thread.start()
    until(lambda: slow.sender.sent > OCTETS // 2, "files over AMQP")
    quick.thread.start()
    under_way = 0
    goals = [share * FILES * OCTETS for share in sorted(one.random.uniform(0.1, 0.7) for _ in range(kills))]
    for goal in goals:
        until(lambda goal=goal: quick.sender.sent >= goal, f"{goal:.0f} bytes", every=0.002)
        under_way += slow.thread.is_alive() + quick.thread.is_alive()
        begun = time.monotonic()
        if victim == "broker":
            rig.stack.rabbitmq.kill()
            rig.stack.rabbitmq.start()
        else:
            rig.worker.kill()
            process.kill()
        one.recovers(begun)
    assert under_way > kills, "the files were home too early"
    for card in cards.values():
        card.thread.join(PATIENCE_S)
    again = sum(card.sender.sent for card in cards.values()) - 2 * FILES * OCTETS
    verdict = one.finish(
        f"The {victim} killed {times(kills)} while one station sends {FILES} files of {OCTETS // 1_000_000} MB over AMQP, "
        f"another one as many over HTTPS, and three publish. Files are looked for by their SHA-256 in the store; {again} "
        "bytes of them were sent again."
    )
    for serial, card in cards.items():
        found = stored(rig, serial)
        verdict.sent += FILES
        verdict.confirmed += sum(each.outcome in ("stored", "known") for each in card.results)
        verdict.lost += len(card.sent.keys() - found.keys())
        verdict.unexpected += sum(card.sent.get(name) != sha256 for name, sha256 in found.items())
        assert {each.outcome for each in card.results} <= {"stored", "known"}, card.results
    (left,) = rig.query("SELECT count(*) FROM files_upload WHERE state NOT IN ('stored', 'known')")[0]
    verdict.unaccounted += left
    assert verdict.is_clean, (verdict.row(), verdict.details)


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def stored(rig, serial: str) -> dict[str, str]:
    """The SHA-256 of the bytes in the store, by path, read from the disk."""
    rows = rig.query(
        "SELECT f.path, c.sha256 FROM files_filerevision r JOIN files_storedfile f ON f.id = r.file_id "
        "JOIN files_storedcontent c ON c.id = r.content_id JOIN stations_station s ON s.id = f.station_id "
        "WHERE s.serial = %s",
        serial,
    )
    place = rig.stack.paths.files / "store"
    return {path: hashlib.sha256((place / sha256[:2] / sha256).read_bytes()).hexdigest() for path, sha256 in rows}
