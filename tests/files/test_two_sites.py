"""Two site processes share a disk: an upload goes on at either of them, whichever had the connection before."""

import hashlib
import os
import socket
import threading
from pathlib import Path
from random import Random

import httpx
import pytest
from django.core.cache import cache
from files.test_tus_cuts import sent_until_cut
from files.test_uploads import login_of
from files.tus_asking import URL, metadata
from people import station_of
from site_processes import running
from waiting import until

from fleet.files.models import FileRevision
from fleet.files.store.contents import content_open

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("services")]

OCTETS, TURNS = 8_000_000, 12


@pytest.fixture
def ports(tmp_path):
    cache.clear()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    settings = {"ROOST_FILES_ROOT": str(tmp_path), "ROOST_API_RATE": "1000000"}
    with running(tmp_path / "one", "site", **settings) as one, running(tmp_path / "two", "site", **settings) as two:
        yield one.site_port, two.site_port


@pytest.fixture
def headers(institute) -> dict[str, str]:
    return {"Authorization": login_of(station_of(institute)), "Tus-Resumable": "1.0.0"}


def line_open(port: int, place: str, headers: dict[str, str], offset: int, piece: bytes) -> socket.socket:
    """A connection that announced all the rest, sent a piece of it, and stays open."""
    lines = {
        **headers, "Host": "localhost", "Upload-Offset": str(offset), "Content-Length": str(OCTETS - offset),
        "Content-Type": "application/offset+octet-stream",
    }  # fmt: skip
    head = f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    line = socket.create_connection(("127.0.0.1", port))
    line.sendall(head.encode() + piece)
    return line


def length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def test_an_upload_left_behind_at_one_process_goes_on_at_the_other(ports, headers, tmp_path):
    content, random = os.urandom(OCTETS), Random(7)
    told = metadata(path="a.bin", sha256=hashlib.sha256(content).hexdigest())
    open_lines, takeovers = [], 0
    with httpx.Client(headers=headers, trust_env=False, timeout=120) as client:

        def offset_at(port: int) -> int:
            answer = client.head(f"http://127.0.0.1:{port}{place}")
            assert "Upload-Offset" in answer.headers, f"{answer.status_code} {dict(answer.headers)}"
            return int(answer.headers["Upload-Offset"])

        begun = client.post(
            f"http://127.0.0.1:{ports[0]}{URL}", headers={"Upload-Length": str(OCTETS), "Upload-Metadata": told}
        )
        place, offset = begun.headers["Location"], 0
        upload_id = place.rstrip("/").rpartition("/")[2]
        part = tmp_path / "uploads" / upload_id[:2] / upload_id
        ends = sorted(random.sample(range(1, OCTETS), TURNS))
        for turn, end in enumerate(ends):
            if end <= offset:
                continue
            here, there = ports[turn % 2], ports[1 - turn % 2]
            # The connection stays open and silent, as one over a dead link does.
            open_lines.append(line_open(here, place, headers, offset, content[offset:end]))
            until(lambda offset=offset: length(part) > offset, "the first bytes of the line", every=0.01)
            reached = offset_at(there)
            takeovers += reached > offset
            assert offset <= reached <= end
            offset = reached
        while offset < OCTETS:
            sent_until_cut(ports[1], place, headers, offset, OCTETS, content[offset:])
            offset = offset_at(ports[0])
        state = client.get(f"http://127.0.0.1:{ports[0]}{place}").json()["state"]
    for line in open_lines:
        line.close()
    assert state == "stored"
    assert takeovers == len(open_lines)
    with content_open(FileRevision.objects.select_related("content").get().content) as stored:
        assert hashlib.sha256(stored.read()).hexdigest() == hashlib.sha256(content).hexdigest()


def test_two_that_write_at_once_at_both_leave_one_whole_file(ports, headers):
    """Both send everything from the same offset, again and again; the stored file is whole."""
    content = os.urandom(OCTETS)
    told = metadata(path="b.bin", sha256=hashlib.sha256(content).hexdigest())
    with httpx.Client(headers=headers, trust_env=False, timeout=120) as client:
        begun = client.post(
            f"http://127.0.0.1:{ports[0]}{URL}", headers={"Upload-Length": str(OCTETS), "Upload-Metadata": told}
        )
        place, answers = begun.headers["Location"], []

        def send(port: int, offset: int) -> int:
            answer = client.patch(
                f"http://127.0.0.1:{port}{place}", content=content[offset : offset + OCTETS // 4],
                headers={"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"},
            )  # fmt: skip
            return answer.status_code

        def both(offset: int) -> None:
            threads = [threading.Thread(target=lambda port=port: answers.append(send(port, offset))) for port in ports]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        def is_over() -> bool:
            offset = int(client.head(f"http://127.0.0.1:{ports[0]}{place}").headers["Upload-Offset"])
            if offset < OCTETS:
                both(offset)
            return offset == OCTETS

        until(is_over, "all bytes")
        assert client.get(f"http://127.0.0.1:{ports[1]}{place}").json()["state"] == "stored"
    assert set(answers) <= {204, 409}
    with content_open(FileRevision.objects.select_related("content").get().content) as stored:
        assert stored.read() == content
