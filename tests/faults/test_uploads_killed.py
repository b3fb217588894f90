"""Site, worker and object store are killed while files are uploaded: what is stored is what was sent, by hash."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest
from django.test import Client
from faults.oracle import Verdict
from faults.rig import seed_of_run
from files.object_store import object_store, storage_options, store_environment
from people import institute, station_of, viewer
from site_processes import ROOT, Running, _free_ports, database_url, running
from waiting import PATIENCE_S, until

from fleet.core import clock
from fleet.files.models import FileRevision, StoredContent, Upload
from fleet.files.store.scrub import store_sweep
from fleet.files.store.settling import uploads_finish
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential
from station_agent.uploads.tus import Uploader
from station_agent.uploads.upload import UploadResult, upload_run

__all__ = ["institute", "viewer"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.usefixtures("services", "no_counters"),
]

FILES, OCTETS, KILLS = 6, 6_000_000, 3
SECRET = "of the station"
FINISH = "import django; django.setup(); from workers.tasks.files import finish_uploads; finish_uploads()"


class Front:
    """A relay in front of the object store: killing it breaks all connections, while the store keeps its data."""

    def __init__(self, store_port: int) -> None:
        self._store, (self.port,) = store_port, _free_ports(1)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, pause_s: float = 0.0) -> None:
        command = [sys.executable, "tests/files/store_front.py", str(self._store), str(self.port), str(pause_s)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        until(self._is_up, "what stands before the object store")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(60)

    def _is_up(self) -> bool:
        try:
            return httpx.get(self.url, trust_env=False).status_code > 0
        except httpx.TransportError:
            return False


class Uploads:
    """An agent that uploads a card, and a record of its files and results."""

    def __init__(self, tmp_path: Path, settings, institute, viewer, files: int = FILES) -> None:
        self.random, self.begun, self.viewer = Random(seed_of_run()), time.monotonic(), viewer
        settings.MEDIA_ROOT = self.folder = tmp_path / "site"
        self.folder.mkdir()
        self.station = station_of(institute)
        self.login = (f"st.{self.station.serial}.1", SECRET)
        Credential.objects.create(
            station=self.station, generation=1, username=self.login[0], secret_hash=token_hash(SECRET),
            issued_at=clock.now(),
        )  # fmt: skip
        self.card = tmp_path / "card"
        self.card.mkdir()
        for number in range(files):
            (self.card / f"{number}.bin").write_bytes(self.random.randbytes(OCTETS))
        self.sent = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.card.iterdir()}
        self.results: list[UploadResult] = []

    def run(self, site: Running, kill: Callable[[], None], kills: int = KILLS) -> None:
        """Upload everything; `kill` is called again and again in the middle."""
        self.uploader = Uploader(server=site.site, login=self.login, ca_file=None, give_up=PATIENCE_S)
        octets = len(self.sent) * OCTETS
        goals = sorted(self.random.sample(range(OCTETS // 2, octets - OCTETS), kills))
        agent = threading.Thread(
            target=lambda: self.results.extend(upload_run(self.uploader, self.card, lambda *_: None))
        )
        agent.start()
        for goal in goals:
            until(lambda goal=goal: self.uploader.sent >= goal or not agent.is_alive(), f"{goal} bytes", every=0.001)
            kill()
        agent.join(PATIENCE_S)

    def judge(self, site: Running, verdicts: list[Verdict], *, case: str, number: str, note: str) -> None:
        stored = {row.file.path: row for row in FileRevision.objects.select_related("file", "content")}
        read = {name: downloaded(site, self.viewer, self.station.serial, row.pk) for name, row in stored.items()}
        verdict = Verdict(
            case=case,
            seed=seed_of_run(),
            number=number,
            sent=len(self.sent),
            confirmed=sum(result.outcome in ("stored", "known") for result in self.results),
            lost=sum(name not in read for name in self.sent),
            doubled=StoredContent.objects.count() - len(self.sent),
            unexpected=sum(self.sent.get(name) != found for name, found in read.items()),
            unaccounted=Upload.objects.filter(state="open").count() + store_sweep(moment=clock.now()),
            seconds=time.monotonic() - self.begun,
            note=f"{note} Each is read back over HTTP, and its SHA-256 compared; "
            f"{self.uploader.sent - len(self.sent) * OCTETS} bytes were sent again.",
        )
        verdicts.append(verdict)
        assert verdict.confirmed == len(self.sent), self.results
        assert verdict.is_clean, verdict.row()


@pytest.fixture
def uploads(tmp_path, settings, institute, viewer) -> Uploads:
    return Uploads(tmp_path, settings, institute, viewer)


@pytest.fixture
def front(tmp_path, settings):
    """An object store behind a relay, as the place of new files, also for this process."""
    with object_store(tmp_path) as store:
        made = Front(store.port)
        settings.ROOST_S3_BUCKET = "roost-files"
        settings.STORAGES = {
            **settings.STORAGES,
            "objects": {
                "BACKEND": "fleet.files.store.objects.ObjectStorage",
                "OPTIONS": storage_options(made.url, timeout_s=5),
            },
        }
        yield made
        made.kill()


def site_running(uploads: Uploads, **more: str):
    return running(uploads.folder, "site", ROOST_FILES_ROOT=str(uploads.folder), **more)


def test_the_site_is_killed_in_the_middle_of_uploads(uploads, verdicts):
    with site_running(uploads) as site:
        uploads.run(site, lambda: restart(site))
        uploads.judge(
            site, verdicts, case="site killed during uploads", number="94",
            note=f"The agent uploads {FILES} files of {OCTETS // 1_000_000} MB while the site is killed {KILLS} times.",
        )  # fmt: skip


def test_the_site_is_killed_in_the_middle_of_uploads_to_an_object_store(uploads, front, verdicts):
    with site_running(uploads, **store_environment(front.url)) as site:
        uploads.run(site, lambda: restart(site))
        until(lambda: uploads_finish() + 1 and not Upload.objects.filter(state="open").exists(), "the last upload")
        assert set(StoredContent.objects.values_list("place", flat=True)) == {"objects"}
        uploads.judge(
            site, verdicts, case="site killed, object store", number="95",
            note=f"The same with an object store, {KILLS} kills.",
        )  # fmt: skip


def test_the_object_store_is_killed_in_the_middle_of_uploads(uploads, front, verdicts):
    def away() -> None:
        front.kill()
        waiting = Upload.objects.filter(waiting_since__isnull=False)
        until(lambda: waiting.exists() or len(uploads.results) == FILES, "an upload that waits")
        front.start()

    with site_running(uploads, **store_environment(front.url)) as site:
        uploads.run(site, away, kills=2)
        until(lambda: uploads_finish() + 1 and not Upload.objects.filter(state="open").exists(), "the last upload")
        uploads.judge(
            site, verdicts, case="object store killed during uploads", number="96",
            note="The store is killed twice and stays away until an upload waits for it; the agent is told so.",
        )  # fmt: skip


def test_the_worker_is_killed_while_it_stores_what_waited(uploads, front, verdicts):
    with site_running(uploads, **store_environment(front.url)) as site:
        environment = {**site.environment, "ROOST_DATABASE_URL": database_url(), "PYTHONPATH": str(ROOT)}
        waiting, killed = Upload.objects.filter(waiting_since__isnull=False), []

        def run_and_kill() -> None:
            """Kill the job once it has begun with an upload, which changes when that upload expires."""
            tried = list(waiting.values_list("expires_at", flat=True))
            worker = subprocess.Popen([sys.executable, "-c", FINISH], cwd=ROOT, env=environment)
            begun = waiting.filter(expires_at__in=tried)
            until(lambda: worker.poll() is not None or not begun.exists(), "a job at work", every=0.005)
            killed.append(worker.poll() is None)
            worker.kill()
            worker.wait(60)

        def while_waiting() -> None:
            front.kill()
            until(waiting.exists, "an upload that waits")
            front.start(0.3)
            run_and_kill()
            until(lambda: uploads_finish() + 1 and not waiting.exists(), "the job after it")

        uploads.run(site, while_waiting, kills=2)
        assert any(killed), "the job ended each time before it could be killed"
        uploads.judge(
            site, verdicts, case="worker killed while it stores", number="97",
            note=f"The store is away; each time it is back, the job begins to store what waits and is killed ({sum(killed)} times).",
        )  # fmt: skip


def restart(site: Running) -> None:
    process = site.processes.pop("site")
    process.kill()
    process.wait(60)
    site.start("site")


def downloaded(site: Running, viewer, serial: str, revision: int) -> str:
    """The SHA-256 of a stored file as a viewer downloads it."""
    client = Client()
    client.force_login(viewer.user)
    answer = httpx.get(
        f"{site.site}/stations/{serial}/files/stored/{revision}/",
        cookies={"sessionid": client.cookies["sessionid"].value},
        trust_env=False,
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 200
    return hashlib.sha256(answer.content).hexdigest()
