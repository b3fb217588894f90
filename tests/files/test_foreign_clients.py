"""Foreign tus clients besides tuspy: `tus-js-client` under node and `resumable-upload`, over lines that are cut."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import resumable_upload
from agent.bad_link import BadLink
from files.test_tus_cuts import headers, site
from files.tus_asking import URL
from site_processes import ROOT
from waiting import PATIENCE_S

from fleet.files.models import FileRevision, Upload
from fleet.files.store.contents import content_name

__all__ = ["headers", "site"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

OCTETS, PIECE, CUTS_LEAST = 12_000_000, 400_000, 5


@contextmanager
def cut_again_and_again(port: int) -> Iterator[BadLink]:
    """A line to the site that breaks every 0.15 s while it is used."""
    link, over = BadLink(port), threading.Event()

    def cut() -> None:
        while not over.wait(0.15):
            if link._open:
                link.cuts += 1
                link.cut()

    link.cuts = 0
    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield link
    finally:
        over.set()
        thread.join()
        link.stop()


@pytest.fixture
def node_modules(npm):
    if shutil.which("node") is None:
        pytest.skip("tus-js-client runs in node, which this machine does not have.")
    if not (ROOT / "node_modules" / "tus-js-client").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True, timeout=300)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "c.bin"
    path.write_bytes(os.urandom(OCTETS))
    return path


def told_of(path) -> dict[str, str]:
    return {"filename": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def stored_is(path, tmp_path) -> bool:
    revision = FileRevision.objects.select_related("content", "file").get()
    return (tmp_path / content_name(revision.content.sha256)).read_bytes() == path.read_bytes()


def js_upload(node_modules, port: int, file, headers) -> str:
    done = subprocess.run(
        ["node", "tests/files/tus_js.cjs", f"http://127.0.0.1:{port}{URL}", str(file), json.dumps(told_of(file)),
         headers["Authorization"]],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tus_js_client_comes_home_over_a_line_that_is_cut(site, headers, file, tmp_path, node_modules):
    with cut_again_and_again(site.port) as link:
        js_upload(node_modules, link.port, file, headers)
    assert link.cuts >= CUTS_LEAST
    assert stored_is(file, tmp_path)
    before = site.received()
    js_upload(node_modules, site.port, file, headers)
    # The client ignores the offset in the answer to POST, sends a piece, and asks for the offset after the 409.
    assert site.received() - before < PIECE + 30_000
    assert Upload.objects.order_by("-created_at")[0].state == "known"


@pytest.mark.parametrize("checksum", [False, "sha1", "sha256", "md5"])
def test_resumable_upload_comes_home_over_a_line_that_is_cut(site, headers, file, tmp_path, checksum):
    places: list[str] = []
    with cut_again_and_again(site.port) as link:
        client = resumable_upload.TusClient(
            f"http://127.0.0.1:{link.port}{URL}", chunk_size=600_000, checksum=checksum, max_retries=0, timeout=20,
            headers={"Authorization": headers["Authorization"]}, on_upload_url_available=places.append,
        )  # fmt: skip
        tries = 0
        while tries < 500:
            tries += 1
            try:
                if places:
                    client.resume_upload(str(file), places[0])
                else:
                    client.upload_file(str(file), metadata=told_of(file))
                break
            except (resumable_upload.TusCommunicationError, resumable_upload.TusUploadFailed, ConnectionError):
                continue
    assert link.cuts >= CUTS_LEAST
    assert stored_is(file, tmp_path)


def test_what_the_server_can_do_is_understood_by_resumable_upload(site, headers):
    client = resumable_upload.TusClient(site.url, headers={"Authorization": headers["Authorization"]})
    told = client.get_server_info()
    assert set(told["extensions"]) == {"creation", "checksum", "expiration", "termination"}
    assert told["max_size"] == 8_000_000_000


def test_resumable_upload_names_its_method_behind_a_proxy_that_knows_no_patch(site, headers, file, tmp_path):
    client = resumable_upload.TusClient(
        site.url, headers={"Authorization": headers["Authorization"]}, override_patch_method=True
    )
    client.upload_file(str(file), metadata=told_of(file))
    assert stored_is(file, tmp_path)


def test_resumable_upload_ends_an_upload(site, headers, file):
    places: list[str] = []
    client = resumable_upload.TusClient(
        site.url, headers={"Authorization": headers["Authorization"]}, on_upload_url_available=places.append
    )
    client.upload_file(str(file), metadata=told_of(file), stop_at=2_000_000)
    assert Upload.objects.get().state == "open"
    client.delete_upload(places[0])
    assert not Upload.objects.exists()
