"""Uploads with a disk that cannot be read, or a server that takes no bytes or closes connections; and being stopped."""

import http.server
import os
import threading
import time
from pathlib import Path

import pytest

from station_agent.errors import ServerAway
from station_agent.uploads import sending
from station_agent.uploads.sending import FileRefused, LocalFile, UploadStopped
from station_agent.uploads.tus import Uploader


class Server(http.server.ThreadingHTTPServer):
    """A server that begins every upload and refuses its bytes, as a proxy does whose limit is too low."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusing)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Refusing(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self._say(201, ("Location", "/api/v1/uploads/1"))

    def do_HEAD(self) -> None:
        self._say(200)

    def do_PATCH(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say(413)

    def _say(self, status: int, *headers: tuple[str, str]) -> None:
        self.server.asked.append(self.command)
        self.send_response(status)
        for name, value in (*headers, ("Upload-Offset", "0"), ("Content-Length", "0")):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server():
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


def uploader_to(server: Server, *, give_up: float) -> Uploader:
    return Uploader(
        server=f"http://127.0.0.1:{server.server_port}", login=("st.1", "secret"), ca_file=None, give_up=give_up
    )


def file_at(path: Path, size: int) -> LocalFile:
    return LocalFile(path, "a.bin", size, 1.0, "a" * 64)


def test_a_file_that_the_disk_does_not_give_is_refused_and_not_the_server_s_fault(server, tmp_path):
    # The path is a folder: reading it fails as a bad sector does.
    with pytest.raises(FileRefused, match="The station cannot read it"):
        uploader_to(server, give_up=0.1).upload(file_at(tmp_path, 1_000), lambda _there: None)


def test_a_server_that_takes_no_byte_is_given_up_after_pauses(server, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "RETRY_FIRST", 0.1)
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(1_000))
    began = time.monotonic()

    def progress(_there: int) -> None:
        assert time.monotonic() - began < 60, "the uploader does not give up"

    with pytest.raises(ServerAway, match="413"):
        uploader_to(server, give_up=1.0).upload(file_at(path, 1_000), progress)
    # Only the pauses of 0.1, 0.2 and 0.4 seconds fit into one second.
    assert server.asked.count("PATCH") <= 4


class Keeping(http.server.BaseHTTPRequestHandler):
    """A server that has every file already; with `is_closing`, it closes each connection after its answer."""

    protocol_version = "HTTP/1.1"
    server: "KeepingServer"

    def setup(self) -> None:
        super().setup()
        self.server.lines += 1

    def do_POST(self) -> None:
        self.send_response(201)
        body = b'{"state": "known"}'
        size = self.headers["Upload-Length"]
        for name, value in (("Location", "/api/v1/uploads/1"), ("Upload-Offset", size), ("Content-Length", len(body))):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.server.is_closing

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


class KeepingServer(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeping)
        self.lines, self.is_closing = 0, False
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_a_connection_is_used_again_until_the_server_closes_it(tmp_path):
    server = KeepingServer()
    files = []
    for number in range(6):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(b"x")
        files.append(LocalFile(path, path.name, 1, 0.0, "0" * 64))
    uploader = Uploader(
        server=f"http://127.0.0.1:{server.server_port}", login=("st.1", "secret"), ca_file=None, give_up=5.0
    )
    first, *others = files
    assert uploader.upload(first, lambda _: None) == "known"
    assert uploader.upload(others[0], lambda _: None) == "known"
    assert server.lines == 1
    server.is_closing = True
    for file in others[1:]:
        assert uploader.upload(file, lambda _: None) == "known"
    assert server.lines == 4
    server.shutdown()
    server.server_close()


def test_an_upload_that_is_stopped_ends_at_once_and_says_so(server, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100)
    uploader = uploader_to(server, give_up=600.0)
    threading.Timer(0.2, uploader.stop).start()
    with pytest.raises(UploadStopped):
        # The server refuses the bytes, so the uploader waits for its next attempt.
        uploader.upload(LocalFile(path, "a.bin", 100, 0.0, "0" * 64), lambda _: None)
