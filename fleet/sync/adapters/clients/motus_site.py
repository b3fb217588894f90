"""Client of Motus' pages for uploads: a session with cookies, and the three steps verify, start and transfer."""

import html
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
from urllib.parse import urljoin

import httpx
import msgspec
from django.utils.translation import gettext as _

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import CONNECT_S, READ_S, LoginRefused, plain
from fleet.sync.adapters.clients.motus_odd import broken_connection, odd_answer

#: Answers of these pages are one line of JSON. An upload may take as long as the stations' own software allows.
_ANSWER_MOST_BYTES: Final = 1024 * 1024
_ANSWER_S, _UPLOAD_S = 90.0, 300.0
_PIECE = 256 * 1024
_LOGIN, _HOME, _JOBS = "/data/login", "/data", "/data/project/sgJobs"


class NoUploadRight(SyncError):
    """The login may not upload to this project."""


class KnownThere(SyncError):
    """Motus has the contents of this archive already. The text is Motus' own."""


class ArchiveRefused(SyncError):
    """Motus refused this one archive; others may be fine."""


class _SessionEnded(Exception):
    """Motus wants a login."""


class MotusSite:
    """A session on Motus' site. It logs in for the first request, and again if the session ends."""

    def __init__(self, *, base_url: str, login: str, password: str) -> None:
        self._base, self._login, self._password = base_url, login, password
        self._is_in = False
        parts = httpx.URL(base_url)
        if parts.scheme != "https" and parts.host not in ("localhost", "127.0.0.1", "::1"):
            raise SyncError(
                _("ROOST_MOTUS_URL is not https, so the Motus password was not sent: set an https address.")
            )
        self._http = httpx.Client(timeout=httpx.Timeout(READ_S, connect=CONNECT_S), follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def verify(self, *, project: int, sha1: str, name: str) -> str:
        """Ask whether an archive is new; return Motus' name for the upload. Raises `KnownThere`."""
        said = self._ask({"projectID": str(project), "verifyHash": sha1, "fileName": name})
        if "already been uploaded" in said.get("msg", ""):
            raise KnownThere(plain(said["msg"]))
        return _needed(said, "filePartName")

    def start(self, *, project: int, part: str, archive: Path) -> str:
        """Send the archive; return the name under which Motus keeps it for now."""
        return _needed(
            self._ask({"projectID": str(project), "filePartName": part, "action": "start"}, archive), "fileName"
        )

    def transfer(self, *, project: int, part: str, local: str) -> str:
        """Have the archive processed; return what Motus says, with the number of its job."""
        return _needed(
            self._ask({"projectID": str(project), "localFileName": local, "filePartName": part, "action": "transfer"}),
            "msg",
        )

    def _ask(self, parameters: dict[str, str], archive: Path | None = None) -> dict[str, str]:
        if not self._is_in:
            self._log_in()
        try:
            return self._once(parameters, archive)
        except _SessionEnded:
            self._log_in()
        try:
            return self._once(parameters, archive)
        except _SessionEnded:
            raise SyncError(
                _("Motus ended the session twice in a row, right after the login. Roost tries again."), is_passing=True
            ) from None

    def _log_in(self) -> None:
        """Log in. Status 302 without a location means that the login is right, 302 with a location that it is wrong."""
        status, headers, body = self._send(
            "POST", _LOGIN, data={"login_name": self._login, "login_password": self._password}
        )
        if status == HTTPStatus.FOUND and not headers.get("location"):
            self._is_in = True
            return
        if status == HTTPStatus.FOUND:
            raise LoginRefused(_("Motus does not accept the login with its password: correct them."))
        raise _odd_answer(status, body)

    def _once(self, parameters: dict[str, str], archive: Path | None) -> dict[str, str]:
        if archive is None:
            status, headers, body = self._send("GET", _JOBS, params=parameters)
        else:
            with archive.open("rb") as file:
                size = {"Content-Type": "application/zip", "Content-Length": str(archive.stat().st_size)}
                status, headers, body = self._send(
                    "POST", _JOBS, params=parameters, content=_pieces(file), headers=size
                )
        location = headers.get("location", "")
        if status == HTTPStatus.FOUND and location.rstrip("/").endswith("/login"):
            self._is_in = False
            raise _SessionEnded
        if status == HTTPStatus.FOUND and httpx.URL(location).path.rstrip("/") == _HOME:
            raise NoUploadRight(
                _("The login may not upload to project %(project)s at Motus. Ask its lead for that right.")
                % {"project": parameters["projectID"]}
            )
        if status != HTTPStatus.OK:
            raise _odd_answer(status, body)
        return _object(body)

    def _send(self, method: str, path: str, **options: object) -> tuple[int, httpx.Headers, bytes]:
        # The library's exceptions hold the request with its secrets, so none of them may propagate.
        try:
            request = self._http.build_request(method, urljoin(self._base, path), **options)  # type: ignore[arg-type]
            response = self._http.send(request, stream=True)
            try:
                return response.status_code, response.headers, _read(response)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise broken_connection(error, who="Motus") from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    until = time.monotonic() + _UPLOAD_S
    while piece := file.read(_PIECE):
        if time.monotonic() > until:
            raise SyncError(
                _("The upload was not complete after %(n)d s. Roost tries again.") % {"n": _UPLOAD_S}, is_passing=True
            )
        yield piece


def _read(response: httpx.Response) -> bytes:
    parts, size, until = [], 0, time.monotonic() + _ANSWER_S
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _ANSWER_MOST_BYTES or time.monotonic() > until:
            raise SyncError(_("Motus' answer is too long; the rest was not read."), is_passing=True)
    return b"".join(parts)


def _object(body: bytes) -> dict[str, str]:
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        decoded = None
    if not isinstance(decoded, dict):
        raise _odd_answer(HTTPStatus.OK, body)
    said = {str(name): html.unescape(str(value)) for name, value in decoded.items() if value is not None}
    if said.get("error"):
        raise ArchiveRefused(_("Motus refused: %(said)s") % {"said": plain(said["error"])})
    return said


def _needed(said: dict[str, str], field: str) -> str:
    if not said.get(field):
        words = _("Motus' answer to the upload has no “%(field)s”, so its pages may have changed: %(said)s")
        raise ArchiveRefused(words % {"field": field, "said": plain(str(said))})
    return said[field]


def _odd_answer(status: int, body: bytes) -> SyncError:
    return odd_answer(status, body, who="Motus", setting="ROOST_MOTUS_URL")
