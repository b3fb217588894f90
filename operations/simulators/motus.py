"""A small Motus: a real HTTP server for tests and the demo. `python -m operations.simulators.motus --port 8099`.

Control: GET /_control returns the switches and the requests so far; POST /_control/faults sets the switches, POST
/_control/rows replaces the rows, POST /_control/table those of another `entry`, POST /_control/records adds `files`
(each with `name` and `size`) and `batches` (each with `serial`, `began`, `ended` and `runs`). It listens only on the
loopback address.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import signal
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from operations.simulators.motus_answers import Motus
from operations.simulators.motus_faults import Faults, MotusAnswer, fault_answer, faults_from
from operations.simulators.motus_rows import Row, rows_make
from operations.simulators.motus_uploads import UPLOAD_PATHS, MotusUploads

BASE = "/api"
#: Maximum characters of a URL; like the real server, it refuses longer ones.
_ADDRESS_MOST = 8_000
_BODY_MOST = 8_000_000


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: Set by `MotusSimulator`.
    motus: Motus
    uploads: MotusUploads


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server_version = "Microsoft-IIS/8.5"
    sys_version = ""
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's own name
        """Log nothing, because URLs contain logins."""

    def do_GET(self) -> None:
        """Answer a request with the query in the URL."""
        if self.path.startswith(UPLOAD_PATHS):
            self._upload_page("GET", b"")
            return
        self._question("GET", _first(urlsplit(self.path).query))

    def do_POST(self) -> None:
        """Answer a request with the query in a form field, or a control request."""
        length = int(self.headers.get("Content-Length") or 0)
        peeked = self.server.motus.faults_peek()
        if peeked.cut_upload and peeked.only in self.path and not self.path.startswith("/_control"):
            self.server.motus.faults_now(self.path)
            self.rfile.read(min(length, 1))
            self.close_connection = True
            self.connection.close()
            return
        raw = self.rfile.read(min(length, _BODY_MOST))
        body = raw.decode(errors="replace")
        if self.path.startswith("/_control"):
            self._control(body)
        elif self.path.startswith(UPLOAD_PATHS):
            self._upload_page("POST", raw)
        else:
            self._question("POST", _first(body))

    def _question(self, method: str, text: str) -> None:
        path = urlsplit(self.path).path
        if path == "/_control":
            self._send(_json(200, self.server.motus.state()), Faults())
            return
        if not path.startswith(BASE + "/") or len(self.path) > _ADDRESS_MOST:
            self._send(MotusAnswer(404, b"Not Found", "text/plain"), Faults())
            return
        faults = self.server.motus.faults_now(self.path)
        time.sleep(faults.slow_s)
        entry = path.removeprefix(BASE).strip("/")
        self._send(self.server.motus.answer(method, entry, text, faults), faults)

    def _upload_page(self, method: str, body: bytes) -> None:
        """Answer one of the pages for uploads, or of the job server."""
        faults = self.server.motus.faults_now(self.path)
        time.sleep(faults.slow_s)
        answer = fault_answer(faults) or self.server.uploads.answer(
            method, self.path, self.headers.get("Cookie", ""), body, faults
        )
        self._send(answer, faults)

    def _send(self, answer: MotusAnswer, faults: Faults) -> None:
        body = answer.body[: len(answer.body) // 2] if faults.truncated else answer.body
        try:
            self.send_response(answer.status, str(answer.status))
            self.send_header("Content-Type", answer.content_type)
            self.send_header("X-Powered-By", "ASP.NET")
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            for cookie in answer.cookies:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            if faults.cut:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)
        except OSError:
            # The client has disconnected.
            self.close_connection = True

    def _control(self, body: str) -> None:
        try:
            wanted = json.loads(body or "{}")
            if self.path == "/_control/faults":
                faults_from(wanted)
                self.server.motus.faults_set(**wanted)
            elif self.path == "/_control/rows":
                self.server.motus.rows_set([dict(row) for row in wanted["rows"]])
            elif self.path == "/_control/table":
                self.server.motus.table_set(str(wanted["entry"]), [dict(row) for row in wanted["rows"]])
            elif self.path == "/_control/records":
                self.server.uploads.records.take(wanted)
            else:
                self._send(MotusAnswer(404, b"Not Found", "text/plain"), Faults())
                return
        except (ValueError, TypeError, KeyError) as error:
            self._send(_json(400, {"error": str(error)}), Faults())
            return
        self._send(_json(200, self.server.motus.state()), Faults())


class MotusSimulator:
    """The server in a thread of this process; use it with `with`. `is_certificate_expired` serves it over TLS."""

    def __init__(
        self, rows: Sequence[Row] | None = None, *, port: int = 0, is_certificate_expired: bool = False
    ) -> None:
        self.motus = Motus(rows_make() if rows is None else [dict(row) for row in rows])
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.motus = self.motus
        self.uploads = self._server.uploads = MotusUploads()
        self._scheme = "http"
        if is_certificate_expired:
            self._server.socket = _expired_tls().wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The value for ROOST_MOTUS_URL."""
        return f"{self._scheme}://127.0.0.1:{self.port}{BASE}/"

    @property
    def status_url(self) -> str:
        """The value for ROOST_MOTUS_STATUS_URL."""
        return f"{self._scheme}://127.0.0.1:{self.port}/status2/"

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _first(query: str) -> str:
    return parse_qs(query).get("json", [""])[0]


def _json(status: int, body: dict[str, Any]) -> MotusAnswer:
    return MotusAnswer(status, json.dumps(body).encode())


def _expired_tls() -> ssl.SSLContext:
    """TLS with a certificate that expired yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context


def _rows_from(seed_file: str, serials: Sequence[str]) -> list[Row]:
    if not seed_file:
        return rows_make(serials=serials)
    body = json.loads(Path(seed_file).read_text(encoding="utf-8"))
    rows = body.get("data", []) if isinstance(body, dict) else body
    return [dict(row) for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="motus", description="A small Motus simulator on the loopback address.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one")
    parser.add_argument(
        "--seed-file", default="", help="an answer of the receivers list as JSON, instead of made-up rows"
    )
    parser.add_argument("--serials", default="", help="comma-separated serials to list as active")
    wanted = parser.parse_args(arguments)
    try:
        rows = _rows_from(wanted.seed_file, [serial for serial in wanted.serials.split(",") if serial])
        simulator = MotusSimulator(rows, port=wanted.port)
    except (OSError, ValueError, TypeError) as error:
        sys.stderr.write(f"The Motus simulator cannot start: {error}\n")
        return 2
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    simulator.motus.faults_set(job_outcome="done")
    with simulator:
        sys.stdout.write(f"Motus simulator with {len(rows)} rows at {simulator.url}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
