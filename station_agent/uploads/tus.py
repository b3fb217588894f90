"""A client of the server's uploads (tus 1.0): begins, goes on at the byte after a cut, and says what became of a file."""

import base64
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from station_agent import __version__
from station_agent.errors import AgentError, ServerAway, WrongUse
from station_agent.link.reasons import reason_of
from station_agent.uploads.regular import regular_open

_PATH, _VERSION = "/api/v1/uploads", "1.0.0"
#: Bytes of a request, and of one write to the network.
PIECE, _WRITE = 16_000_000, 65_536
_ANSWER_MOST = 65_536
_SECONDS = 60.0
#: Seconds between two attempts, doubled each time.
RETRY_FIRST, RETRY_MOST = 1.0, 60.0

Progress = Callable[[int], None]


class FileRefused(AgentError):
    """The server does not take this file; others may pass."""


class FileChanged(FileRefused):
    """The bytes that arrived are not those that were announced."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as it was when its SHA-256 was taken. With a `check`, each piece asks before it is sent."""

    path: Path
    name: str
    size: int
    modified: float
    sha256: str
    #: Gets the descriptor of the open file; raises `FileChanged` if it is no longer the same.
    check: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: dict[str, Any]

    @property
    def reason(self) -> str:
        return str(self.body.get("detail") or f"The server answered with status {self.status}.")[:500]

    @property
    def offset(self) -> int:
        told = self.headers.get("Upload-Offset", "")
        return int(told) if told.isdigit() else -1


class Uploader:
    """Uploads files with one login, one after the other. Without an answer for `give_up` seconds it raises."""

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
        #: Bytes of files that were sent.
        self.sent = 0

    def upload(self, file: LocalFile, progress: Progress) -> str:
        """Upload one file; return `stored` or `known`. Raises `FileRefused`, `ServerAway` and `AgentError`."""
        attempts = _Attempts(self._give_up)
        while True:
            begun = self._ask(attempts, "POST", _PATH, _begin_headers(file))
            place, offset = begun.headers.get("Location", ""), begun.offset
            if begun.status != http.HTTPStatus.CREATED or not place.startswith("/") or offset < 0:
                raise FileRefused(begun.reason)
            try:
                while 0 <= offset < file.size:
                    progress(offset)
                    offset = self._send(attempts, file, place, offset, progress)
            except FileChanged:
                self._give_back(place)
                raise
            if offset >= 0:
                return self._outcome(attempts, place)
            # The upload expired meanwhile: begin it again.
            attempts.failed(ServerAway("The server no longer knows this upload."))

    def _send(self, attempts: "_Attempts", file: LocalFile, place: str, offset: int, progress: Progress) -> int:
        """Send one piece; return the new offset, or -1 if the upload is gone."""
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
                    # Such as a proxy with a limit: sent again at once, the same bytes would be refused for ever.
                    attempts.failed(ServerAway(refusal))
        if answer.status in (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE):
            return -1
        if answer.offset < 0:
            raise FileRefused(answer.reason)
        if answer.offset > offset:
            attempts.succeeded()
        return answer.offset

    def _give_back(self, place: str) -> None:
        """End an upload that can never become whole; if the server is away, it expires."""
        with contextlib.suppress(ServerAway):
            self._request("DELETE", place, {}, None)

    def _outcome(self, attempts: "_Attempts", place: str) -> str:
        answer = self._ask(attempts, "GET", place, {})
        state = str(answer.body.get("state", ""))
        if state == "refused":
            raise FileChanged(str(answer.body.get("reason")))
        if state not in ("stored", "known"):
            raise FileRefused(answer.reason)
        return state

    def _ask(self, attempts: "_Attempts", method: str, path: str, headers: dict[str, str]) -> _Answer:
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
        with contextlib.ExitStack() as until_end:
            with _reading():
                opened = until_end.enter_context(regular_open(file.path))
                if file.check is not None:
                    file.check(opened.fileno())
                opened.seek(offset)
            left = octets
            while left > 0:
                with _reading():
                    # A file that shrank meanwhile is filled up, so that the answer comes and says that it changed.
                    piece = opened.read(min(_WRITE, left)) or bytes(min(_WRITE, left))
                yield piece
                left -= len(piece)
                self.sent += len(piece)
                progress(offset + octets - left)

    def _request(self, method: str, path: str, headers: dict[str, str], body: Iterator[bytes] | None) -> _Answer:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            line: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=self._context
            )
        else:
            line = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        told = {
            "Authorization": f"Basic {self._login}",
            "Tus-Resumable": _VERSION,
            "User-Agent": f"station-agent/{__version__}",
            "Accept": "application/json",
            **headers,
        }
        try:
            line.request(method, self._parts.path + path, body=body, headers=told)
            answer = line.getresponse()
            raw = answer.read(_ANSWER_MOST)
        except (OSError, http.client.HTTPException) as error:
            raise ServerAway(reason_of(error, host, line.port)) from error
        finally:
            line.close()
        if answer.status in (301, 302, 303, 307, 308):
            raise AgentError(f"The server redirects this address to {answer.headers.get('Location')}: use that one.")
        return _Answer(answer.status, answer.headers, _json(raw))


class _Attempts:
    """When to try again, and when to give up."""

    def __init__(self, give_up: float) -> None:
        self._give_up = give_up
        self.succeeded()

    def succeeded(self) -> None:
        """Bytes arrived."""
        self._wait, self._since = RETRY_FIRST, time.monotonic()

    def failed(self, error: ServerAway, *, wait: str = "") -> None:
        """Wait before the next attempt. Raises the error if nothing arrived for too long."""
        pause = float(wait) if wait.isdigit() else self._wait
        if time.monotonic() - self._since + pause > self._give_up:
            raise error
        time.sleep(pause)
        self._wait = min(self._wait * 2, RETRY_MOST)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Raise `FileRefused` for what the disk does not give: a bad sector is the trouble of its file, not of the link."""
    try:
        yield
    except OSError as error:
        raise FileRefused(f"The station cannot read it: {error.strerror or error}.") from error


def _is_for_later(answer: _Answer) -> bool:
    """Whether the server is busy. A full quota is 429 too, but says no time to come back."""
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
