"""Client of Motus' job server: what became of an upload. Answers are columns, packed with bzip2 or gzip."""

import bz2
import time
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import CONNECT_S, READ_S, LoginRefused, plain

_BODY_MOST_BYTES: Final = 8 * 1024 * 1024
_WHOLE_S: Final = 60.0
_EXPIRED = ("token expired", "token invalid")


class MotusJobs:
    """Asks for jobs with a token, which it gets with the login and renews once if it has expired."""

    def __init__(self, *, data_url: str, status_url: str, login: str, password: str) -> None:
        for address in (data_url, status_url):
            parts = httpx.URL(address)
            if parts.scheme != "https" and parts.host not in ("localhost", "127.0.0.1", "::1"):
                raise SyncError("An address of Motus is not https, so the password was not sent.")
        self._data, self._status = data_url.rstrip("/"), status_url.rstrip("/")
        self._secrets, self._token = {"user": login, "password": password}, ""
        self._http = httpx.Client(timeout=httpx.Timeout(READ_S, connect=CONNECT_S), follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def job(self, *, project: int, number: int) -> dict[str, Any] | None:
        """The columns of one job as a row; None if Motus does not list it."""
        question = {"projectID": project, "select": {"jobID": number}, "options": {"full": True}}
        for _again in range(2):
            if not self._token:
                self._token = self._authenticated()
            answer = self._ask(f"{self._status}/list_jobs", {**question, "authToken": self._token})
            if answer.get("error") not in _EXPIRED:
                break
            self._token = ""
        if answer.get("error"):
            raise SyncError(f"Motus' job server refused: {plain(str(answer['error']))}")
        for row in _rows(answer):
            if row.get("id") == number:
                return row
        return None

    def _authenticated(self) -> str:
        answer = self._ask(f"{self._data}/authenticate_user", self._secrets)
        if answer.get("error"):
            raise LoginRefused(f"Motus' data server refused: {plain(str(answer['error']))}")
        token = answer.get("authToken")
        if not isinstance(token, str) or not token:
            raise SyncError("Motus' data server accepted the login, but gave no token.")
        return token

    def _ask(self, address: str, question: dict[str, Any]) -> dict[str, Any]:
        # The library's exceptions hold the request with its secrets, so none of them may propagate.
        try:
            request = self._http.build_request("POST", address, data={"json": msgspec.json.encode(question).decode()})
            response = self._http.send(request, stream=True)
            try:
                body = _read(response)
            finally:
                response.close()
        except httpx.TimeoutException:
            raise SyncError("Motus' job server did not answer in time.", is_passing=True) from None
        except httpx.HTTPError:
            raise SyncError("The connection to Motus' job server broke.", is_passing=True) from None
        return _object(response.status_code, body)


def _read(response: httpx.Response) -> bytes:
    parts, size, until = [], 0, time.monotonic() + _WHOLE_S
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _BODY_MOST_BYTES or time.monotonic() > until:
            raise SyncError("The answer of Motus' job server has no end; the rest was not read.")
    return b"".join(parts)


def _object(status: int, body: bytes) -> dict[str, Any]:
    try:
        if body.startswith(b"BZh"):
            unpacking = bz2.BZ2Decompressor()
            body = unpacking.decompress(body, max_length=_BODY_MOST_BYTES)
            if not unpacking.eof:
                raise SyncError("The answer of Motus' job server is cut off or too long.")
        decoded = msgspec.json.decode(body)
    except (OSError, EOFError, msgspec.DecodeError, RecursionError, UnicodeError):
        decoded = None
    if not isinstance(decoded, dict):
        said = plain(body[:200].decode(errors="replace"))
        raise SyncError(f"Motus' job server answered with something that is not data (status {status}): {said}")
    return decoded


def _rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of an answer in columns of equal length; columns of other lengths are left out."""
    numbers = columns.get("id")
    numbers = numbers if isinstance(numbers, list) else [numbers]
    whole = {name: values if isinstance(values, list) else [values] for name, values in columns.items()}
    fitting = {name: values for name, values in whole.items() if len(values) == len(numbers)}
    return [{name: values[place] for name, values in fitting.items()} for place in range(len(numbers))]
