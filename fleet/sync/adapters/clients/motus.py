"""Client of Motus' web interface: one request, one answer of limited size, and every failure as a sentence."""

import codecs
import email.utils
import logging
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from fleet.core import clock
from fleet.sync.adapters.base import Row, SyncError

#: The list of all receivers had 0.2 MB in 2020 and 2.4 MB in 2022.
BODY_MOST_BYTES = 32 * 1024 * 1024
#: Seconds allowed for connecting, between two pieces of the answer, and for the whole answer.
CONNECT_S, READ_S, WHOLE_S = 10.0, 30.0, 90.0
#: Tries within seconds; longer problems are left to the next check.
TRIES = 3
#: If Motus asks us to wait at most this many seconds, we wait and retry at once.
WAIT_AT_ONCE_S = 15.0
_SHOWN_MOST = 200
#: The format of dates in requests, in UTC.
_MOMENT = "%Y%m%d%H%M%S"
_NO_ADDRESS = "ROOST_MOTUS_URL is not a web address: it must look like https://motus.org/api/."
_HTTP_REDIRECT, _HTTP_ERROR, _HTTP_UNAUTHORIZED, _HTTP_TOO_MANY, _HTTP_SERVER = 300, 400, 401, 429, 500

_log = logging.getLogger(__name__)


class _TokenExpired(Exception):
    """Motus found our date too far from its own. `server_date`: Motus' clock, or empty."""

    def __init__(self, server_date: str) -> None:
        super().__init__(server_date)
        self.server_date = server_date


class LoginRefused(SyncError):
    """Motus does not accept the login. Trying again changes nothing, and might lock it."""


class MotusClient:
    """A client of Motus. Login and password go only into the body of a POST, so that no URL ever contains them.

    `named`: what people call the login.
    """

    def __init__(self, *, base_url: str, login: str = "", password: str = "", named: str = "ROOST_MOTUS_LOGIN") -> None:
        self._named = named
        #: How far this server's clock is behind Motus' clock; None unless Motus has refused our date.
        self.clock_behind: timedelta | None = None
        self._base = base_url.rstrip("/")
        self._secrets = {"login": login, "pword": password} if login and password else {}
        try:
            parts = httpx.URL(self._base)
        except httpx.InvalidURL:
            raise SyncError(_NO_ADDRESS) from None
        if parts.scheme not in ("http", "https") or not parts.host:
            raise SyncError(_NO_ADDRESS)
        if self._secrets and parts.scheme != "https" and parts.host not in ("localhost", "127.0.0.1", "::1"):
            raise SyncError(
                "ROOST_MOTUS_URL is not https, so the Motus password was not sent: set an https address, "
                f"or remove {named}."
            )
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        self._http = httpx.Client(timeout=timeout, follow_redirects=False, headers={"Accept": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, entry: str, **parameters: str | int) -> dict[str, object]:
        """Get the answer of one entry as an object. Raises `SyncError`; temporary failures are tried three times."""
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=_wait,
            retry=retry_if_exception(_is_worth_another_try),
            reraise=True,
        )
        try:
            return retrying(self._ask_by_the_right_clock, entry, parameters)
        except SyncError as error:
            # An answer may quote the request with its login.
            text = str(error)
            if any(secret in text for secret in self._secrets.values()):
                raise SyncError("Motus refused; its answer contained the login and is not shown.") from None
            raise

    def rows(self, entry: str, **parameters: str | int) -> list[Row]:
        """The rows of one entry; none if Motus leaves `data` out because nothing matches. Raises `SyncError`.

        An entry that is not a row becomes an empty row, so that the reader counts it.
        """
        data = self.ask(entry, **parameters).get("data")
        if data is None:
            return []
        if not isinstance(data, list):
            raise SyncError("Motus answered, but its data is not a list; its interface may have changed.")
        return [row if isinstance(row, dict) else {} for row in data]

    def _ask_by_the_right_clock(self, entry: str, parameters: dict[str, str | int]) -> dict[str, object]:
        """Ask with our date; if Motus finds it expired, ask once more with the date that Motus gave."""
        ours = clock.now().strftime(_MOMENT)
        try:
            return self._ask_once(entry, {"date": ours, **parameters})
        except _TokenExpired as expired:
            theirs = expired.server_date
        if not _is_moment(theirs):
            raise _clock_error(ours, theirs) from None
        self.clock_behind = _moment(theirs) - _moment(ours)
        _log.warning("Motus' clock says %s, ours %s (UTC); asking by its clock.", theirs, ours)
        try:
            return self._ask_once(entry, {"date": theirs, **parameters})
        except _TokenExpired:
            raise _clock_error(ours, theirs) from None

    def _ask_once(self, entry: str, question: dict[str, str | int]) -> dict[str, object]:
        text = msgspec.json.encode({**question, **self._secrets}).decode()
        address = f"{self._base}/{entry}"
        # The library's exceptions hold the request with its secrets, so none of them may propagate.
        try:
            if self._secrets:
                request = self._http.build_request("POST", address, data={"json": text})
            else:
                request = self._http.build_request("GET", address, params={"json": text})
            response = self._http.send(request, stream=True)
            try:
                body = _read(response)
            finally:
                response.close()
        except httpx.TimeoutException:
            raise SyncError("Motus did not answer in time.", is_passing=True) from None
        except httpx.HTTPError as error:
            raise _connection_error(error) from None
        return _answer(response, body, self._named)


def _read(response: httpx.Response) -> bytes:
    parts, size, until = [], 0, time.monotonic() + WHOLE_S
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > BODY_MOST_BYTES:
            raise SyncError(f"Motus' answer is longer than {BODY_MOST_BYTES // 2**20} MB; the rest was not read.")
        if time.monotonic() > until:
            raise SyncError(f"Motus' answer was not complete after {WHOLE_S:.0f} s.", is_passing=False)
    return b"".join(parts)


def _answer(response: httpx.Response, body: bytes, named: str) -> dict[str, object]:
    """The object in the answer. Raises the error that the answer reports: some errors come with status 200."""
    answer = _object(body)
    code, said = _error_in(answer)
    if code == "auth-expired":
        raise _TokenExpired(str((answer or {}).get("date-token", "")))
    status = response.status_code
    if status in (_HTTP_TOO_MANY, 503):
        raise SyncError(
            "Motus is busy and asks us to wait." if status == _HTTP_TOO_MANY else "Motus is currently unavailable.",
            is_passing=True,
            retry_after_s=_retry_after(response.headers.get("Retry-After", "")),
        )
    if code == "invalid-login":
        raise LoginRefused(f"Motus does not accept {named} with its password: correct them.")
    if status == _HTTP_UNAUTHORIZED:
        raise LoginRefused(f"Motus does not accept {named}: {said}" if said else _status_sentence(status, body))
    if said:
        raise SyncError(f"Motus refused: {said}", is_passing=status >= _HTTP_SERVER)
    if _HTTP_REDIRECT <= status < _HTTP_ERROR:
        raise SyncError(
            f"Motus has moved (status {status}): the server's administrator sets ROOST_MOTUS_URL to its new address."
        )
    if status >= _HTTP_ERROR:
        raise SyncError(_status_sentence(status, body), is_passing=status >= _HTTP_SERVER)
    if answer is None:
        raise _not_an_object(body)
    return answer


def _object(body: bytes) -> dict[str, object] | None:
    try:
        decoded = msgspec.json.decode(_without_mark(body))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return decoded if isinstance(decoded, dict) else None


def _without_mark(body: bytes) -> bytes:
    """The body without a byte order mark, which some servers send and JSON does not allow."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16").encode()
    return body.removeprefix(codecs.BOM_UTF8)


def _error_in(answer: dict[str, object] | None) -> tuple[str, str]:
    """Code and text of an error within the answer; both empty if there is none."""
    if answer is None:
        return "", ""
    said = next((answer[name] for name in ("errorMsg", "error", "errors") if answer.get(name)), "")
    code = answer.get("errorCode") or ""
    text = said if isinstance(said, str) else msgspec.json.encode(said).decode(errors="replace")
    return str(code), plain(text or str(code))


def _not_an_object(body: bytes) -> SyncError:
    start = body.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if not start:
        return SyncError("Motus' answer was empty.", is_passing=True)
    if start == b"<":
        return SyncError("Motus answered with a web page instead of data; it may be under maintenance.")
    if start == b"{":
        return SyncError("Motus' answer was cut off or is not valid JSON.", is_passing=True)
    return SyncError(f"Motus answered with something that is not data: {plain(body.decode(errors='replace'))}")


def _status_sentence(status: int, body: bytes) -> str:
    text = plain(body.decode(errors="replace"))
    said = f", saying: {text}" if text and not text.startswith("<") else ""
    if status >= _HTTP_SERVER:
        return f"Motus has an internal error (status {status}){said}"
    return f"Motus refused with status {status}{said}"


def _connection_error(error: httpx.HTTPError) -> SyncError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = "has expired" if "expired" in text else "cannot be trusted"
        return SyncError(f"Motus' certificate {reason}, so nothing was asked. Motus has to renew it.")
    if isinstance(error, httpx.ConnectError):
        return SyncError("Motus cannot be reached: no connection.", is_passing=True)
    return SyncError("The connection to Motus broke before its answer was complete.", is_passing=True)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)


def _is_moment(text: str) -> bool:
    try:
        return bool(_moment(text)) and text.isascii()
    except ValueError:
        return False


def _clock_error(ours: str, theirs: str) -> SyncError:
    return SyncError(
        f"Motus did not accept our date {ours} (UTC); its own clock says {plain(theirs) or 'nothing'}. "
        "Check this server's clock."
    )


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; None for anything else."""
    if value.strip().isdigit():
        return float(min(int(value.strip()[:9]), 86_400))
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    wait = until - clock.now()
    return min(max(wait.total_seconds(), 0.0), 86_400.0)


def plain(text: str) -> str:
    """Text from outside on one line, shortened, without control characters."""
    printable = "".join(c if c.isprintable() else " " for c in text[: _SHOWN_MOST * 4])
    joined = " ".join(printable.split())
    return joined if len(joined) <= _SHOWN_MOST else joined[: _SHOWN_MOST - 1] + "…"


def _is_worth_another_try(error: BaseException) -> bool:
    return (
        isinstance(error, SyncError)
        and error.is_passing
        and (error.retry_after_s is None or error.retry_after_s <= WAIT_AT_ONCE_S)
    )


_backing_off = wait_random_exponential(multiplier=0.5, max=5.0)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, SyncError) else None
    return asked if asked is not None else _backing_off(state)
