"""The site is killed again and again while files are uploaded: what is stored is what was sent, by hash."""

import hashlib
import threading
import time
from random import Random

import httpx
import pytest
from django.test import Client
from faults.oracle import Verdict
from faults.rig import seed_of_run
from people import institute, station_of, viewer
from site_processes import Running, running
from waiting import PATIENCE_S, until

from fleet.core import clock
from fleet.files.models import FileRevision, StoredContent, Upload
from fleet.files.store.scrub import store_sweep
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential
from station_agent.tus import Uploader
from station_agent.upload import UploadResult, upload_run

__all__ = ["institute", "viewer"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.usefixtures("services", "no_counters"),
]

FILES, OCTETS, KILLS = 8, 6_000_000, 5
SECRET = "of the station"


def test_the_site_is_killed_in_the_middle_of_uploads(institute, viewer, verdicts, tmp_path, settings):
    seed = seed_of_run()
    random, begun = Random(seed), time.monotonic()
    settings.MEDIA_ROOT = tmp_path / "site"
    settings.MEDIA_ROOT.mkdir()
    station = station_of(institute)
    Credential.objects.create(
        station=station, generation=1, username=f"st.{station.serial}.1", secret_hash=token_hash(SECRET),
        issued_at=clock.now(),
    )  # fmt: skip
    card = tmp_path / "card"
    card.mkdir()
    for number in range(FILES):
        (card / f"{number}.bin").write_bytes(random.randbytes(OCTETS))
    sent = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in card.iterdir()}
    with running(settings.MEDIA_ROOT, "site", ROOST_FILES_ROOT=str(settings.MEDIA_ROOT)) as site:
        uploader = Uploader(
            server=site.site, login=(f"st.{station.serial}.1", SECRET), ca_file=None, give_up=PATIENCE_S
        )
        goals = sorted(random.sample(range(OCTETS // 2, FILES * OCTETS - OCTETS), KILLS))
        results: list[UploadResult] = []
        agent = threading.Thread(target=lambda: results.extend(upload_run(uploader, card, lambda *_: None)))
        agent.start()
        for goal in goals:
            until(lambda goal=goal: uploader.sent >= goal or not agent.is_alive(), f"{goal} bytes", every=0.001)
            kill(site)
            site.start("site")
        agent.join(PATIENCE_S)
        stored = {row.file.path: row for row in FileRevision.objects.select_related("file", "content")}
        read = {name: downloaded(site, viewer, station.serial, row.pk) for name, row in stored.items()}
    verdict = Verdict(
        case="site killed during uploads",
        seed=seed,
        number="94",
        sent=FILES,
        confirmed=sum(result.outcome in ("stored", "known") for result in results),
        lost=sum(name not in read for name in sent),
        doubled=StoredContent.objects.count() - FILES,
        unexpected=sum(sent.get(name) != found for name, found in read.items()),
        unaccounted=Upload.objects.filter(state="open").count() + store_sweep(moment=clock.now()),
        seconds=time.monotonic() - begun,
        note=(
            f"The agent uploads {FILES} files of {OCTETS // 1_000_000} MB while the site is killed {KILLS} times. Each is "
            f"read back over HTTP, and its SHA-256 compared; {uploader.sent - FILES * OCTETS} bytes were sent again."
        ),
    )
    verdicts.append(verdict)
    assert verdict.confirmed == FILES, results
    assert verdict.is_clean, verdict.row()


def kill(site: Running) -> None:
    process = site.processes.pop("site")
    process.kill()
    process.wait(60)


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
