"""The Motus simulator's answers, without any network: date token, login, device hash, filters."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from operations.simulators.motus_faults import Faults, MotusAnswer, answer_json, fault_answer
from operations.simulators.motus_rows import Row

#: Seconds by which a request's date may differ from the server's clock.
TOLERANCE_S = 600
_NUMBER_OF_STATUS = {"pending": 0, "active": 2, "terminated": 3}

#: Entries whose rows are set by `table_set`. All but `species` are filtered by project.
TABLES = ("receiver/sensordeployments", "tags/search", "species")

#: Login -> (password, answer of user/validate).
USERS: dict[str, tuple[str, dict[str, Any]]] = {
    "warbler": (
        "plain-password",
        {"userID": 71, "emailAddress": "warbler@example.org", "projects": {"1": "North Shore"}, "userType": "user"},
    ),
    "plover": (
        "admin-password",
        {
            "userID": 72,
            "emailAddress": "plover@example.org",
            "projects": {"1": "North Shore", "2": "Salt Marsh"},
            "userType": "administrator",
        },
    ),
    "dunlin": (
        "lonely-password",
        {"userID": 73, "emailAddress": "dunlin@example.org", "projects": {}, "userType": "user"},
    ),
}


class Motus:
    """The state behind the simulator; safe for several threads."""

    def __init__(self, rows: list[Row]) -> None:
        self._lock = threading.Lock()
        self._rows = rows
        self._faults = Faults()
        self._faulty_left = 0
        self._keys: dict[str, str] = {}
        self._tables: dict[str, list[Any]] = {}
        #: Endpoint and the names of the fields sent, never their values.
        self.requests: list[tuple[str, str, tuple[str, ...]]] = []

    @property
    def rows(self) -> list[Row]:
        """A copy of the current rows."""
        with self._lock:
            return [dict(row) for row in self._rows]

    def rows_set(self, rows: list[Row]) -> None:
        """Serve these rows from now on."""
        with self._lock:
            self._rows = [dict(row) for row in rows]

    def table_set(self, entry: str, rows: Sequence[Any]) -> None:
        """Serve these rows for an entry that filters by `projectID` only, such as `receiver/sensordeployments`."""
        with self._lock:
            self._tables[entry] = [dict(row) if isinstance(row, Mapping) else row for row in rows]

    def faults_set(self, **switches: Any) -> Faults:
        """Set all switches. Switches that are not named return to normal."""
        with self._lock:
            self._faults = Faults(**switches)
            self._faulty_left = self._faults.times
            return self._faults

    def faults_peek(self) -> Faults:
        """The switches, without counting."""
        with self._lock:
            return self._faults if self._faulty_left or not self._faults.times else Faults()

    def faults_now(self, address: str = "") -> Faults:
        """The switches for one answer; counts `times` down."""
        with self._lock:
            faults = self._faults
            if faults.only not in address:
                return Faults()
            if faults.times:
                if not self._faulty_left:
                    return Faults()
                self._faulty_left -= 1
            return faults

    def state(self) -> dict[str, Any]:
        """Switches, number of rows, and requests so far, for the control endpoint."""
        with self._lock:
            return {"faults": asdict(self._faults), "rows": len(self._rows), "requests": list(self.requests)}

    def answer(self, method: str, entry: str, text: str, faults: Faults) -> MotusAnswer:
        """Answer one request. `text` is the `json` parameter."""
        question = _decoded(text)
        with self._lock:
            self.requests.append((method, entry, tuple(sorted(question or {}))))
        early = fault_answer(faults)
        if early is not None:
            return early
        refused = self._refusal(question, faults)
        if refused is not None or question is None:
            return refused or _refused(400, "invalid-json", "The json parameter is missing or not an object.")
        return self._entry(entry, question, faults)

    def _entry(self, entry: str, question: Row, faults: Faults) -> MotusAnswer:
        if entry in ("receivers", "receivers/deployments", "receivers/list"):
            return _data([] if faults.empty else self._matching(question, faults))
        if entry == "projects":
            return _data(self._projects())
        if entry in TABLES:
            return self._table(entry, question, faults)
        if entry == "user/validate":
            return _validated(question, faults)
        if entry == "receiver/register":
            return self._registered(question)
        return MotusAnswer(404, b"Not Found", "text/plain")

    def _table(self, entry: str, question: Row, faults: Faults) -> MotusAnswer:
        """Rows of one project, for logins that have rights in it; or species, for any login."""
        if "login" not in question:
            return _refused(401, "invalid-login", "Invalid login or password")
        project = "" if entry == "species" else str(question.get("projectID", "")).removesuffix(".0")
        if (project and project not in USERS[str(question["login"])][1]["projects"]) or project == str(
            faults.lost_project
        ):
            return _refused(400, "not-authorized", "not authorized for project")
        with self._lock:
            rows = [] if faults.empty else self._tables.get(entry, [])
        return _data(
            [row for row in rows if not isinstance(row, Mapping) or str(row.get("projectID", project)) == project]
        )

    def _refusal(self, question: Row | None, faults: Faults) -> MotusAnswer | None:
        asked = _date(question)
        if question is None or asked is None:
            return _refused(400, "missing-date", "The json parameter needs date as YYYYMMDDhhmmss.")
        clock = datetime.now(tz=UTC) + timedelta(seconds=faults.clock_drift_s)
        if abs((asked - clock).total_seconds()) > TOLERANCE_S:
            token = {"version": "2.0", "date-token": clock.strftime("%Y%m%d%H%M%S")}
            return answer_json(401, {**token, "errorCode": "auth-expired", "errorMsg": "Date token expired"})
        if "login" in question and faults.login_locked:
            return _refused(401, "login-locked", "Too many failed attempts, the login is locked for 30 minutes")
        if "login" in question and not _is_login(question):
            return _refused(401, "invalid-login", "Invalid login or password")
        if "hash" in question and not self._is_device(question):
            return _refused(400, "invalid-key", "The device is not known by this key.")
        return None

    def _is_device(self, question: Row) -> bool:
        serial = str(question.get("serno", "")).upper()
        key = self._keys.get(serial)
        if key is None:
            return False
        return device_hash(serial, str(question["date"]), key) == str(question["hash"])

    def _registered(self, question: Row) -> MotusAnswer:
        serial, key = str(question.get("serno", "")).upper(), str(question.get("secretKey", ""))
        if not serial or not key:
            return _refused(400, "missing-parameter", "serno and secretKey are required")
        with self._lock:
            known = self._keys.setdefault(serial, key)
            number = list(self._keys).index(serial) + 1
        if known != key:
            return _refused(
                400,
                "invalid-key",
                "Sensor registration failed. The sensor may already be registered with a different secret key.",
            )
        return answer_json(200, {"version": "2.0", "deviceID": number})

    def _matching(self, question: Row, faults: Faults) -> list[Row]:
        serial, project, status = (question.get(name) for name in ("serialNo", "projectID", "status"))
        gone = faults.missing_active.upper()
        return [
            row
            for row in self.rows
            if (serial is None or str(row["receiverID"]).upper() == str(serial).upper())
            and (project is None or str(row["recvProjectID"]) == str(project).removesuffix(".0"))
            and (status is None or _is_status(row["deploymentStatus"], status))
            and not (gone and str(row["receiverID"]).upper() == gone and row["deploymentStatus"] == "active")
        ]

    def _projects(self) -> list[Row]:
        numbers = sorted({row["recvProjectID"] for row in self.rows if row["recvProjectID"] is not None})
        return [
            {"id": n, "name": f"Project {n}", "code": f"P{n}", "tagPermissions": 2, "sensorPermissions": 2}
            for n in numbers
        ]


def device_hash(serial: str, date: str, key: str) -> str:
    """A device's proof of its key, as upper-case hex."""
    # The real interface requires SHA-1.
    return hashlib.sha1(f"{serial.upper()}_{date}_{key}".encode(), usedforsecurity=False).hexdigest().upper()


def _decoded(text: str) -> Row | None:
    try:
        question = json.loads(text)
    except ValueError:
        return None
    return question if isinstance(question, dict) else None


def _date(question: Row | None) -> datetime | None:
    try:
        return datetime.strptime(str((question or {})["date"]), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _is_login(question: Row) -> bool:
    user = USERS.get(str(question["login"]))
    return user is not None and question.get("pword") == user[0]


def _validated(question: Row, faults: Faults) -> MotusAnswer:
    if "login" not in question:
        return _refused(401, "invalid-login", "Invalid login or password")
    told = dict(USERS[str(question["login"])][1])
    told["projects"] = {n: name for n, name in told["projects"].items() if n != str(faults.lost_project)}
    if faults.odd_projects:
        told["projects"] = list(told["projects"])
    return answer_json(200, {"version": "2.0", **told})


def _is_status(word: object, asked: object) -> bool:
    number = str(asked).removesuffix(".0")
    return str(word).casefold() == number.casefold() or str(_NUMBER_OF_STATUS.get(str(word))) == number


def _data(rows: list[Row]) -> MotusAnswer:
    """Rows under `data`; if there are none, no `data` at all."""
    return answer_json(200, {"version": "2.0", "data": rows} if rows else {"version": "2.0"})


def _refused(status: int, code: str, sentence: str) -> MotusAnswer:
    return answer_json(status, {"version": "2.0", "errorCode": code, "errorMsg": sentence})
