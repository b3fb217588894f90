"""Client of Motus' job and data servers: what became of uploads. Answers are columns, packed with bzip2 or gzip."""

import bz2
import time
from datetime import date
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec
from django.utils.translation import gettext as _

from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import CONNECT_S, READ_S, LoginRefused, plain
from fleet.sync.adapters.clients.motus_fields import float_in, whole_in
from fleet.sync.adapters.clients.motus_odd import broken_connection, odd_answer, odd_column

_BODY_MOST_BYTES: Final = 8 * 1024 * 1024
_WHOLE_S: Final = 60.0
#: Rows on a page of jobs; then maximum pages of one job's parts, and of batches or runs (10,000 rows a page).
_JOBS_A_PAGE: Final = 20
_LOG_PAGES_MOST: Final = 10
_PAGES_MOST: Final = 20
_EXPIRED = ("token expired", "token invalid")


class MotusJobs:
    """A client that authenticates with a token. It gets one with the login, renewed once if it expired."""

    def __init__(self, *, data_url: str, status_url: str, login: str, password: str) -> None:
        for address in (data_url, status_url):
            parts = httpx.URL(address)
            if parts.scheme != "https" and parts.host not in ("localhost", "127.0.0.1", "::1"):
                raise SyncError(_("An address of Motus is not https, so the password was not sent."))
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
        rows = rows_of(self._status_asked("list_jobs", question), "id", needs=("done",))
        return next((row for row in rows if row.get("id") == number), None)

    def log(self, *, project: int, number: int) -> str:
        """The log of a job and of its parts, oldest first. Motus' check of the files is one of the parts."""
        told: list[str] = []
        last = 0
        for _number in range(_LOG_PAGES_MOST):
            question = {
                "projectID": project,
                "select": {"stump": number},
                "order": {"sortBy": "id", "lastKey": [last]},
                "options": {"full": True, "includeSubjobs": True},
            }
            rows = [row for row in rows_of(self._status_asked("list_jobs", question)) if _number_of(row, "id") > last]
            told.extend(text for row in rows for text in _log_in(row))
            if len(rows) < _JOBS_A_PAGE:
                break
            last = max(_number_of(row, "id") for row in rows)
        return "\n".join(told)

    def file_counts(self, *, serial: str) -> dict[date, int] | None:
        """How many of a receiver's files Motus has, by day; None if it does not know the receiver. Raises `SyncError`.

        A count that cannot be read is an error, never taken for a day without files.
        """
        answer = self._ask_with_token(f"{self._status}/list_receiver_files", {"serno": serial})
        if "not known" in str(answer.get("error", "")) or "invalid receiver" in str(answer.get("error", "")):
            return None
        counts = _columns(_checked(answer), "fileCounts")
        return {_day_in(row): _counted(row, "countDB") for row in rows_of(counts, "day", needs=("countDB",))}

    def file_sizes(self, *, serial: str, day: str) -> dict[str, int | None]:
        """A receiver's files of one day at Motus: names without `.gz`, with unpacked octets (None if unknown)."""
        answer = self._status_asked("list_receiver_files", {"serno": serial, "day": day})
        rows = rows_of(_columns(answer, "fileDetails"), "name")
        if not all(row["name"] for row in rows):
            raise odd_column("name", who=_("Motus' job server"))
        return {
            str(row["name"]).removesuffix(".gz"): whole_in(row, "contentSize", "contentsSize", "size") for row in rows
        }

    def batches(self, *, serial: str) -> list[dict[str, Any]]:
        """The batches of a receiver: `batchID`, `tsStart` and `tsEnd` (seconds), `numHits`. Empty if it has none."""
        device = rows_of(self._data_asked("deviceID_for_receiver", {"serno": serial}), "serno", needs=("deviceID",))
        number = whole_in(device[0], "deviceID") if device else None
        columns = ("tsStart", "tsEnd")
        return [] if number is None else self._paged("batches_for_receiver", {"deviceID": number}, "batchID", columns)

    def runs(self, *, batch: int) -> list[dict[str, Any]]:
        """The runs of one batch: `runID`, `tsBegin` and `tsEnd` (seconds). Raises `SyncError`, also for too many."""
        rows = self._paged("runs_for_receiver", {"batchID": batch}, "runID", ("tsBegin",))
        if any(float_in(row, "tsBegin") is None for row in rows):
            raise odd_column("tsBegin", who=_("Motus' job server"))
        return rows

    def _paged(self, entry: str, question: dict[str, Any], key: str, needs: tuple[str, ...]) -> list[dict[str, Any]]:
        """All rows, page by page: each page begins after the last key, and an empty page is the end."""
        found: list[dict[str, Any]] = []
        last = 0
        for _number in range(_PAGES_MOST):
            rows = rows_of(self._data_asked(entry, {**question, key: last}), key, needs=needs)
            if any(whole_in(row, key) is None for row in rows):
                raise odd_column(key, who=_("Motus' job server"))
            rows = [row for row in rows if _number_of(row, key) > last]
            if not rows:
                return found
            found += rows
            last = max(_number_of(row, key) for row in rows)
        raise SyncError(
            _("Motus has more than %(n)d rows of %(entry)s, too many to count.") % {"n": len(found), "entry": entry}
        )

    def _status_asked(self, entry: str, question: dict[str, Any]) -> dict[str, Any]:
        return _checked(self._ask_with_token(f"{self._status}/{entry}", question))

    def _data_asked(self, entry: str, question: dict[str, Any]) -> dict[str, Any]:
        return _checked(self._ask_with_token(f"{self._data}/{entry}", question))

    def _ask_with_token(self, address: str, question: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for _try in range(2):
            if not self._token:
                self._token = self._authenticated()
            answer = self._ask(address, {**question, "authToken": self._token})
            if answer.get("error") not in _EXPIRED:
                break
            self._token = ""
        return answer

    def _authenticated(self) -> str:
        answer = self._ask(f"{self._data}/authenticate_user", self._secrets)
        if answer.get("error"):
            raise LoginRefused(_("Motus' data server refused: %(said)s") % {"said": plain(str(answer["error"]))})
        token = answer.get("authToken")
        if not isinstance(token, str) or not token:
            raise SyncError(_("Motus' data server accepted the login, but gave no token."))
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
        except httpx.HTTPError as error:
            raise broken_connection(error, who=_("Motus' job server")) from None
        return _object(response.status_code, body)


def _read(response: httpx.Response) -> bytes:
    parts, size, until = [], 0, time.monotonic() + _WHOLE_S
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _BODY_MOST_BYTES or time.monotonic() > until:
            raise SyncError(_("The answer of Motus' job server is too long; the rest was not read."))
    return b"".join(parts)


def _object(status: int, body: bytes) -> dict[str, Any]:
    try:
        if body.startswith(b"BZh"):
            unpacking = bz2.BZ2Decompressor()
            body = unpacking.decompress(body, max_length=_BODY_MOST_BYTES)
            if not unpacking.eof:
                raise SyncError(_("The answer of Motus' job server was cut off. Roost asks again."), is_passing=True)
        decoded = msgspec.json.decode(body)
    except (OSError, EOFError, msgspec.DecodeError, RecursionError, UnicodeError):
        decoded = None
    if not isinstance(decoded, dict):
        raise odd_answer(status, body, who=_("Motus' job server"), setting="ROOST_MOTUS_STATUS_URL")
    return decoded


def rows_of(columns: dict[str, Any], key: str = "id", *, needs: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The rows of an answer that is sent as columns. Columns of another length than `key` are left out.

    Raises `SyncError`, naming the column, if one in `needs` is missing or has another length.
    """
    whole = {name: values if isinstance(values, list) else [values] for name, values in columns.items()}
    if columns and key not in columns:
        raise odd_column(key, who=_("Motus' job server"))
    number = len(whole[key]) if columns.get(key) is not None else 0
    fitting = {name: values for name, values in whole.items() if len(values) == number}
    lacking = [name for name in needs if number and name not in fitting]
    if lacking:
        raise odd_column(lacking[0], who=_("Motus' job server"))
    return [{name: values[place] for name, values in fitting.items()} for place in range(number)]


def _columns(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """The columns in this field of an answer; Motus writes an empty list if there are none."""
    found = answer.get(name)
    if isinstance(found, dict):
        return found
    if name in answer and not found:
        return {}
    raise odd_column(name, who=_("Motus' job server"))


def _day_in(row: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(str(row["day"]))
    except ValueError:
        raise odd_column("day", who=_("Motus' job server")) from None


def _counted(row: dict[str, Any], field: str) -> int:
    number = whole_in(row, field)
    if number is None or number < 0:
        raise odd_column(field, who=_("Motus' job server"))
    return number


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "not authorized for project" in str(answer.get("error", "")):
        raise SyncError(
            _(
                "Motus' job server does not show the jobs of its project to the login. Ask the project's lead for that right."
            )
        )
    if answer.get("error"):
        raise SyncError(_("Motus' job server refused: %(said)s") % {"said": plain(str(answer["error"]))})
    return answer


def _number_of(row: dict[str, Any], field: str) -> int:
    return whole_in(row, field) or 0


def _log_in(row: dict[str, Any]) -> list[str]:
    """The log of one job: in its own column, or in the column `data`, which is JSON as text."""
    told = [str(row["log"])] if row.get("log") else []
    try:
        data = msgspec.json.decode(row["data"]) if isinstance(row.get("data"), str) else row.get("data")
    except (msgspec.DecodeError, RecursionError):
        data = None
    if isinstance(data, dict):
        told += [str(data[name]) for name in ("log_", "summary_") if data.get(name)]
    return told
