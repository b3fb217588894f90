"""Uploads over lines that break: the server counts the bytes it received, and foreign clients complete theirs."""

import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from agent.bad_link import BadLink
from django.core.cache import cache
from files.test_uploads import login_of
from files.tus_asking import URL, metadata
from people import station_of
from site_processes import ROOT, running
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from waiting import until

from fleet.files.models import FileRevision, Upload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

CUTS = 50


class Site:
    """A site whose received bytes are counted."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, count: Path) -> None:
        self.process, self.port, self._count = process, port, count

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{URL}"

    def received(self) -> int:
        return int(self._count.read_text() or 0) if self._count.exists() else 0


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    cache.clear()
    with running(tmp_path, ROOST_FILES_ROOT=str(tmp_path), ROOST_API_RATE="1000000") as made:
        count = tmp_path / "received"
        process = subprocess.Popen(
            [sys.executable, "tests/files/counting_site.py", str(count), str(made.site_port)],
            cwd=ROOT,
            env={**made.environment, "PYTHONPATH": str(ROOT)},
        )

        def is_up() -> bool:
            assert process.poll() is None
            try:
                return httpx.get(f"{made.site}/healthz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        try:
            until(is_up, "the site")
            yield Site(process, made.site_port, count)
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def headers(institute) -> dict[str, str]:
    return {"Authorization": login_of(station_of(institute)), "Tus-Resumable": "1.0.0"}


def sent_until_cut(port: int, place: str, headers: dict[str, str], offset: int, octets: int, rest: bytes) -> None:
    """Announce all the rest in one request, send a part of it, and break off without waiting for an answer."""
    lines = {
        **headers, "Host": "localhost", "Upload-Offset": str(offset), "Content-Length": str(octets - offset),
        "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(head.encode() + rest)


def test_with_fifty_cuts_the_server_receives_at_most_one_percent_more(site, headers, tmp_path):
    content = os.urandom(30_000_000)
    told = metadata(path="a.bin", sha256=hashlib.sha256(content).hexdigest())
    before, random = site.received(), Random(13)
    with httpx.Client(headers=headers, trust_env=False, timeout=120) as client:
        begun = client.post(site.url, headers={"Upload-Length": str(len(content)), "Upload-Metadata": told})
        place, offset = begun.headers["Location"], 0
        ends = sorted(random.sample(range(1, len(content)), CUTS))
        for end in [*ends, len(content)]:
            piece = content[offset : max(end, offset)]
            sent_until_cut(site.port, place, headers, offset, len(content), piece)
            reached = int(client.head(f"http://127.0.0.1:{site.port}{place}").headers["Upload-Offset"])
            assert offset <= reached <= offset + len(piece)
            offset = reached
        for _ in range(5):
            if offset == len(content):
                break
            sent_until_cut(site.port, place, headers, offset, len(content), content[offset:])
            offset = int(client.head(f"http://127.0.0.1:{site.port}{place}").headers["Upload-Offset"])
        state = client.get(f"http://127.0.0.1:{site.port}{place}").json()["state"]
    more = site.received() - before - len(content)
    print(f"{CUTS} cuts: the server received {more} bytes more than the {len(content)} of the file")
    assert state == "stored"
    assert 0 < more <= len(content) // 100
    revision = FileRevision.objects.select_related("content").get()
    stored = (tmp_path / "store" / revision.content.sha256[:2] / revision.content.sha256).read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()


def test_a_foreign_client_comes_home_over_a_line_that_is_cut(site, headers, tmp_path):
    """tuspy, with a checksum on each piece, asks for the offset after each cut and goes on."""
    content = os.urandom(8_000_000)
    (tmp_path / "b.bin").write_bytes(content)
    link = BadLink(site.port)
    client = TusClient(f"http://127.0.0.1:{link.port}{URL}", headers={"Authorization": headers["Authorization"]})
    told = {"filename": "b.bin", "sha256": hashlib.sha256(content).hexdigest()}
    uploader = client.uploader(
        str(tmp_path / "b.bin"), chunk_size=250_000, metadata=told, retries=5, retry_delay=0, upload_checksum=True
    )
    cuts = 0
    while uploader.offset < len(content):
        if uploader.url and cuts < CUTS:
            cuts += 1
            threading.Timer(0.001 * (cuts % 7), link.cut).start()
        try:
            uploader.upload_chunk()
        except (TusCommunicationError, TusUploadFailed):
            until(lambda: offset_found(uploader), "an answer about the offset")
    link.stop()
    assert FileRevision.objects.get().content.sha256 == told["sha256"]
    # Once more: the answer is that all of it is here, and nothing is sent.
    before = site.received()
    again = TusClient(site.url, headers={"Authorization": headers["Authorization"]}).uploader(
        str(tmp_path / "b.bin"), metadata=told, retries=1, retry_delay=0
    )
    again.set_url(again.create_url())
    again.offset = again.get_offset()
    again.upload()
    assert again.offset == len(content)
    assert site.received() - before < 10_000
    assert Upload.objects.order_by("-created_at")[0].state == "known"


def test_a_piece_counts_as_one_request(site, headers):
    """Django is asked twice about each piece: before it is written, and afterwards."""

    def left(answer: httpx.Response) -> tuple[int, int]:
        found = re.search(r"r=(\d+);t=(\d+)", answer.headers["RateLimit"])
        return int(found[1]), int(found[2])

    with httpx.Client(headers=headers, trust_env=False, timeout=120) as client:

        def counted() -> int:
            content = os.urandom(1_000)
            told = metadata(path="c.bin", sha256=hashlib.sha256(content).hexdigest())
            begun = client.post(site.url, headers={"Upload-Length": "1000", "Upload-Metadata": told})
            piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            place = f"http://127.0.0.1:{site.port}{begun.headers['Location']}"
            sent = client.patch(place, content=content, headers=piece)
            assert (sent.status_code, sent.headers["Upload-State"]) == (204, "stored")
            (before, seconds_then), (after, seconds_now) = left(begun), left(sent)
            # Do not cross a full minute, when the counting starts again.
            return before - after if seconds_now <= seconds_then else 0

        assert until(counted, "two requests in one minute") == 1


def offset_found(uploader) -> bool:
    try:
        uploader.offset = uploader.get_offset()
    except TusCommunicationError:
        return False
    return True
