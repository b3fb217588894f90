"""A client of the server's uploads (tus 1.0): begins them, resumes them at the right byte, and returns the outcome."""

import base64
import contextlib
import http.client
import json
import select
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from station_agent import __version__
from station_agent.errors import AgentError, ServerAway, WrongUse
from station_agent.link.reasons import reason_of
from station_agent.uploads.sending import (
    Attempts,
    FileChanged,
    FileRefused,
    LocalFile,
    Progress,
    UploadStopped,
    blocks_read,
)

_PATH, _VERSION = "/api/v1/uploads", "1.0.0"
#: Bytes of one request, and of one write to the network: each write may take `_SECONDS`, even on the slowest link.
PIECE, _WRITE = 16_000_000, 65_536
#: Seconds for which an idle connection is reused: servers and proxies close them, many after five seconds.
_IDLE_S = 2.0
_ANSWER_MOST = 65_536
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: dict[str, Any]

    @property
    def reason(self) -> str:
        return str(self.body.get("detail") or f"The server answered with status {self.status}.")[:500]

    @property
    def state(self) -> str:
        """The upload's state; empty if the answer does not say it."""
        return str(self.body.get("state") or self.headers.get("Upload-State", ""))

    @property
    def offset(self) -> int:
        told = self.headers.get("Upload-Offset", "")
        return int(told) if told.isdigit() else -1


class Uploader:
    """Uploads files with one login, in any thread. Without an answer for `give_up` seconds it raises.

    Each thread keeps one connection and uses it for one file after the other.
    """

    def __init__(
        self, *, server: str, login: tuple[str, str], ca_file: Path | None, give_up: float, ca_pem: str = ""
    ) -> None:
        self._parts = urlsplit(server)
        self._login = base64.b64encode(":".join(login).encode()).decode()
        self._give_up = give_up
        try:
            self._context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            if ca_pem:
                self._context.load_verify_locations(cadata=ca_pem)
        except OSError as error:
            raise WrongUse(f"The certificate file {ca_file} cannot be used: {error}.") from error
        self._kept = _KeptLine()
        self._stopping, self._counting = threading.Event(), threading.Lock()
        #: Bytes of files that were sent.
        self.sent = 0

    def stop(self) -> None:
        """Let all uploads raise `UploadStopped` soon."""
        self._stopping.set()

    def upload(self, file: LocalFile, progress: Progress) -> str:
        """Upload one file; return `stored` or `known`. Raises `FileRefused`, `ServerAway` and `AgentError`."""
        attempts = Attempts(self._give_up, self._stopping)
        while True:
            begun = self._ask(attempts, "POST", _PATH, _begin_headers(file))
            place, offset = begun.headers.get("Location", ""), begun.offset
            if begun.status != http.HTTPStatus.CREATED or not place.startswith("/") or offset < 0:
                raise FileRefused(begun.reason)
            try:
                answer = begun
                while 0 <= offset < file.size:
                    progress(offset)
                    answer = self._send(attempts, file, place, offset, progress)
                    offset = answer.offset
            except FileChanged:
                self._give_back(place)
                raise
            if offset >= 0:
                return self._outcome(attempts, place, answer)
            # The upload expired meanwhile: begin it again.
            attempts.failed(ServerAway("The server no longer knows this upload."))

    def close(self) -> None:
        """End the connection of this thread, if there is one."""
        line, self._kept.line = self._kept.line, None
        if line is not None:
            line.close()

    def _send(self, attempts: Attempts, file: LocalFile, place: str, offset: int, progress: Progress) -> _Answer:
        """Send one piece; return the answer with the new offset, which is -1 if the upload is gone."""
        piece = min(PIECE, file.size - offset)
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(piece),
        }
        try:
            answer = self._request("PATCH", place, headers, self._body(file, offset, piece, progress))
        except ServerAway as error:
            attempts.failed(error)
            answer = self._ask(attempts, "HEAD", place, {})
        else:
            if answer.status == http.HTTPStatus.UNPROCESSABLE_ENTITY:
                raise FileChanged(answer.reason)
            if _is_for_later(answer):
                attempts.failed(ServerAway(answer.reason), wait=answer.headers.get("Retry-After", ""))
            if answer.status != http.HTTPStatus.NO_CONTENT:
                refusal, answer = answer.reason, self._ask(attempts, "HEAD", place, {})
                if 0 <= answer.offset <= offset:
                    # For instance a proxy with a limit: the same bytes, sent again at once, would be refused forever.
                    attempts.failed(ServerAway(refusal))
        if answer.status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
            return answer
        if answer.offset < 0:
            raise FileRefused(answer.reason)
        if answer.offset > offset:
            attempts.succeeded()
        return answer

    def _give_back(self, place: str) -> None:
        """End an upload that can never be completed; if the server is away, it expires."""
        with contextlib.suppress(ServerAway):
            self._request("DELETE", place, {}, None)

    def _outcome(self, attempts: Attempts, place: str, last: _Answer) -> str:
        """`stored` or `known`, asked only if the last answer does not say it. Raises if the file was refused."""
        if last.state in ("stored", "known"):
            return last.state
        answer = self._ask(attempts, "GET", place, {})
        state = answer.state
        if state == "refused":
            raise FileChanged(str(answer.body.get("reason")))
        if state not in ("stored", "known"):
            raise FileRefused(answer.reason)
        return state

    def _ask(self, attempts: Attempts, method: str, path: str, headers: dict[str, str]) -> _Answer:
        """An answer to a request without a body, asked again while the server is away or busy."""
        while True:
            try:
                answer = self._request(method, path, headers, None)
            except ServerAway as error:
                attempts.failed(error)
                continue
            if answer.status == http.HTTPStatus.UNAUTHORIZED:
                raise AgentError(f"The server does not let this login upload. It says: {answer.reason}")
            if not _is_for_later(answer):
                return answer
            attempts.failed(ServerAway(answer.reason), wait=answer.headers.get("Retry-After", ""))

    def _body(self, file: LocalFile, offset: int, octets: int, progress: Progress) -> Iterator[bytes]:
        there = offset
        for piece in blocks_read(file, offset, octets, _WRITE):
            if self._stopping.is_set():
                raise UploadStopped
            yield piece
            there += len(piece)
            with self._counting:
                self.sent += len(piece)
            progress(there)

    def _request(self, method: str, path: str, headers: dict[str, str], body: Iterator[bytes] | None) -> _Answer:
        told = {
            "Authorization": f"Basic {self._login}",
            "Tus-Resumable": _VERSION,
            "User-Agent": f"station-agent/{__version__}",
            "Accept": "application/json",
            **headers,
        }
        line = self._line_take()
        try:
            line.request(method, self._parts.path + path, body=body, headers=told)
            answer = line.getresponse()
            raw = answer.read(_ANSWER_MOST)
        except (OSError, http.client.HTTPException) as error:
            line.close()
            raise ServerAway(reason_of(error, line.host, line.port)) from error
        except BaseException:
            line.close()
            raise
        if answer.isclosed() and not answer.will_close:
            self._kept.line, self._kept.used = line, time.monotonic()
        else:
            line.close()
        if answer.status in (301, 302, 303, 307, 308):
            raise AgentError(f"The server redirects this address to {answer.headers.get('Location')}: use that one.")
        return _Answer(answer.status, answer.headers, _json(raw))

    def _line_take(self) -> http.client.HTTPConnection:
        """The connection of the last request, if it is surely still open, or a new one."""
        line, self._kept.line = self._kept.line, None
        if line is not None:
            if time.monotonic() - self._kept.used < _IDLE_S and not _has_ended(line):
                return line
            line.close()
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=_SECONDS)


class _KeptLine(threading.local):
    """The open connection of a thread, and when it was used."""

    line: http.client.HTTPConnection | None = None
    used = 0.0


def _has_ended(line: http.client.HTTPConnection) -> bool:
    """Whether the server closed the connection, or sent unexpected data."""
    return line.sock is None or bool(select.select([line.sock], [], [], 0)[0])


def _is_for_later(answer: _Answer) -> bool:
    """Whether the server is busy. A full quota is also a 429, but without a time to retry."""
    return answer.status >= 500 or (
        answer.status == http.HTTPStatus.TOO_MANY_REQUESTS and "Retry-After" in answer.headers
    )


def _begin_headers(file: LocalFile) -> dict[str, str]:
    told = {"path": file.name, "sha256": file.sha256, "modified": repr(max(file.modified, 0.0)), "resume": ""}
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}".strip() for name, value in told.items())
    return {"Upload-Length": str(file.size), "Upload-Metadata": ",".join(pairs), "Content-Length": "0"}


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
