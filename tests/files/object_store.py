"""An object store over HTTP (moto's server), and a relay before it that breaks as stores do."""

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
from waiting import until

BUCKET, LOGIN = "roost-files", {"aws_access_key_id": "roost", "aws_secret_access_key": "of the store"}
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>"
_HOPS = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


class ObjectStore:
    """moto's server as a process that can be killed. It keeps everything in memory, so a kill loses its objects."""

    def __init__(self, logs: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._logs, self._process = logs, None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def client(self) -> Any:
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **LOGIN)

    def start(self) -> None:
        with (self._logs / "object-store.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until(self._is_up, "the object store")
        self.client.create_bucket(Bucket=BUCKET)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def objects(self) -> dict[str, bytes]:
        """Everything in the bucket by key."""
        rows = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {
            row["Key"]: self.client.get_object(Bucket=BUCKET, Key=row["Key"])["Body"].read() for row in rows
        }  # fmt: skip

    def _is_up(self) -> bool:
        assert self._process.poll() is None
        try:
            return httpx.get(f"{self.url}/moto-api/data.json", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class Trouble:
    """The fault that the relay shows, set by the test; `only` has the methods that are affected."""

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        self.kind, self.only = "", frozenset({"PUT", "GET", "HEAD", "POST", "DELETE"})

    def begin(self, kind: str, *only: str) -> None:
        self.kind, self.only = kind, frozenset(only) or self.only


class Relay(ThreadingHTTPServer):
    """Passes requests on to the store, or shows a fault; lists their methods in `asked`."""

    daemon_threads = True

    def __init__(self, port: int, *, own_port: int = 0) -> None:
        super().__init__(("127.0.0.1", own_port), _Handler)
        self.pause_s = 0.0
        self.store_port, self.trouble = port, Trouble()
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Ignore callers that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def _answer(self) -> None:
        self.server.asked.append(self.command)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(self.server.pause_s)
        trouble = self.server.trouble
        kind = trouble.kind if self.command in trouble.only else ""
        if kind == "away":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif kind == "silent":
            # Until the caller gives up.
            self.connection.settimeout(60)
            while trouble.kind == "silent" and time.sleep(0.05) is None:
                pass
            self.close_connection = True
        elif kind == "page":
            self._send(200, {"Content-Type": "text/html"}, PAGE)
        elif match := re.fullmatch(r"(\d+) (\w+)", kind):
            text = f"<?xml version='1.0'?><Error><Code>{match[2]}</Code><Message>no</Message></Error>"
            self._send(int(match[1]), {"Content-Type": "application/xml"}, text.encode())
        else:
            self._pass_on(body, kind)

    def _pass_on(self, body: bytes, kind: str) -> None:
        line = HTTPConnection("127.0.0.1", self.server.store_port, timeout=30)
        headers = dict(self.headers.items())
        if kind == "swallowed" and body:
            # It confirms the bytes, and stores different ones.
            body = body[:-1] + bytes([body[-1] ^ 1])
            headers = {name: value for name, value in headers.items() if "checksum" not in name.lower()}
        line.request(self.command, self.path, body=body, headers=headers)
        answer = line.getresponse()
        read = answer.read()
        told = {name: value for name, value in answer.getheaders() if name.lower() not in _HOPS}
        if self.command == "HEAD":
            told["Content-Length"] = answer.getheader("Content-Length", "0")
        if kind == "lying":
            told["x-amz-checksum-sha256"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        if kind == "changed" and read:
            read = read[:-1] + bytes([read[-1] ^ 1])
        if kind == "short":
            read = read[: len(read) // 2]
            told["Content-Length"] = str(len(read) * 2)
            self.close_connection = True
        self._send(answer.status, told, read)
        line.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def object_store(logs: Path) -> Iterator[ObjectStore]:
    store = ObjectStore(logs)
    try:
        yield store
    finally:
        store.kill()


def storage_options(url: str, *, timeout_s: float = 2.0) -> dict[str, Any]:
    """The options that `web.secrets.objects_options` would read from the environment."""
    return {
        "bucket_name": BUCKET, "endpoint_url": url, "region_name": "us-east-1", "access_key": "roost",
        "secret_key": "of the store", "addressing_style": "path", "location": "", "verify": None,
        "timeout_s": timeout_s,
    }  # fmt: skip


def store_environment(url: str) -> dict[str, str]:
    """The same options as environment variables of a process."""
    return {
        "ROOST_S3_BUCKET": BUCKET, "ROOST_S3_ENDPOINT": url, "ROOST_S3_KEY_ID": "roost",
        "ROOST_S3_SECRET": "of the store", "ROOST_S3_TIMEOUT_S": "3",
    }  # fmt: skip
