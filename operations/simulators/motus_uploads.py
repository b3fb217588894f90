"""The Motus simulator's pages for uploads: sessions, verify, start and transfer. `MotusRecords` answers the rest."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
import threading
import time
import zipfile
import zlib
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from operations.simulators.motus_answers import USERS
from operations.simulators.motus_faults import Faults, MotusAnswer
from operations.simulators.motus_records import MotusJob, MotusRecords
from operations.simulators.motus_rows import Row

#: Beginnings of the addresses that are answered here.
UPLOAD_PATHS = ("/data", "/status2/", "/api/sgdata/custom/")
_FIRST_JOB = 11_412_766
_SESSION_S = 3_600


@dataclass
class _Part:
    sha1: str
    name: str
    project: str
    body: bytes = b""


class MotusUploads:
    """The state behind the pages; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        #: JSESSIONID -> login; session_token -> login, each usable once; and when a session ends, by this process's clock.
        self.sessions: dict[str, str] = {}
        self._renewals: dict[str, str] = {}
        self._ends: dict[str, float] = {}
        self.records = MotusRecords()
        self.jobs = self.records.jobs
        self._parts: dict[str, _Part] = {}
        #: SHA-1 of contents -> what verify says about them.
        self._seen: dict[str, str] = {}
        #: Attempted logins, with their outcome; bodies received by `start`; and the steps in order.
        self.logins: list[tuple[str, bool]] = []
        self.received: list[bytes] = []
        self.steps: list[str] = []
        #: `start` refuses archives whose names contain this.
        self.poison = ""

    def sessions_end(self) -> None:
        """All sessions and tokens expire."""
        with self._lock:
            self.sessions.clear()
            self.records.tokens_end()

    def answer(self, method: str, address: str, cookie: str, body: bytes, faults: Faults) -> MotusAnswer:
        """Answer one request."""
        path, query = urlsplit(address).path.rstrip("/"), _flat(urlsplit(address).query)
        cookies = {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
        with self._lock:
            if path == "/data/login":
                return self._login(method, _flat(body.decode(errors="replace")), cookies, faults)
            if path == "/data":
                return _page() if self._login_of(cookies) else _redirect("/data/login")
            if path == "/data/project/sgJobs":
                return self._jobs_page(method, query, cookies, body, faults)
            if path.startswith(("/status2/", "/api/sgdata/custom/")):
                return self.records.answer(path.rpartition("/")[2], _question(body), faults)
        return MotusAnswer(404, b"Not Found", "text/plain")

    def _login_of(self, cookies: dict[str, str]) -> str | None:
        """The login of a session that has not ended."""
        session = cookies.get("JSESSIONID", "")
        return self.sessions.get(session) if self._ends.get(session, 0.0) > time.time() else None

    def _login(self, method: str, form: Row, cookies: dict[str, str], faults: Faults) -> MotusAnswer:
        """Log in. A right password gets a 302 without a location, a wrong one with. A session_token works once."""
        if method == "GET":
            login = self._renewals.pop(cookies.get("session_token", ""), "")
            return self._opened(login, "https://motus.org/data") if login else _page()
        login = form.get("login_name", "")
        is_right = login in USERS and USERS[login][0] == form.get("login_password") and not faults.login_locked
        self.logins.append((login, is_right))
        return self._opened(login, "") if is_right else _redirect("https://motus.org/data/login?failed=1")

    def _opened(self, login: str, location: str) -> MotusAnswer:
        session, renewal = f"J{next(self._numbers)}", f"T{next(self._numbers)}"
        self.sessions[session], self._renewals[renewal] = login, login
        self._ends[session] = time.time() + _SESSION_S
        cookies = (f"JSESSIONID={session}; Path=/; HttpOnly", f"session_token={renewal}; Path=/; Max-Age=3888000")
        return MotusAnswer(302, b"", "text/html", {"Location": location} if location else {}, cookies)

    def _jobs_page(self, method: str, query: Row, cookies: dict[str, str], body: bytes, faults: Faults) -> MotusAnswer:
        if faults.session_ended:
            self.sessions.clear()
        login = self._login_of(cookies)
        if login is None:
            return _redirect("/login")
        project = query.get("projectID", "")
        if project not in USERS[login][1]["projects"] or project == str(faults.lost_project):
            return _redirect("/data")
        if "verifyHash" in query:
            return self._verify(query, project, faults)
        part = self._parts.get(query.get("filePartName", ""))
        if part is None:
            return _said({"error": "unknown filePartName"})
        if query.get("action") == "start" and method == "POST":
            return self._start(part, body)
        return (
            self._transfer(query, part, login) if query.get("action") == "transfer" else _said({"error": "no action"})
        )

    def _verify(self, query: Row, project: str, faults: Faults) -> MotusAnswer:
        self.steps.append("verify")
        if faults.known_zip:
            return _said({"msg": "This file has already been uploaded by plover\r\n(2021-12-22 05:43:24; jobID: 77)"})
        sha1 = query["verifyHash"]
        if sha1 in self._seen:
            return _said({"msg": self._seen[sha1]})
        name = f"{next(self._numbers)}_{sha1}.zip.part"
        self._parts[name] = _Part(sha1, query.get("fileName", ""), project)
        return _said({"filePartName": name})

    def _start(self, part: _Part, body: bytes) -> MotusAnswer:
        self.steps.append("start")
        if self.poison and self.poison in part.name:
            return _said({"error": "Unable to read archive"})
        if hashlib.sha1(body, usedforsecurity=False).hexdigest() != part.sha1:
            return _said({"error": "The file has another hash than the one verified"})
        part.body = body
        self.received.append(body)
        return _said({"fileName": f"uploads/{part.name}"})

    def _transfer(self, query: Row, part: _Part, login: str) -> MotusAnswer:
        self.steps.append("transfer")
        if query.get("localFileName") != f"uploads/{part.name}" or not part.body:
            return _said({"error": "no such file"})
        number = _FIRST_JOB + len(self.jobs)
        self.jobs[number] = MotusJob(number, part.project, _sizes(part.body))
        self._seen[part.sha1] = (
            f"This file has already been uploaded by {login}\r\n(2021-12-22 05:43:24; jobID: {number})"
        )
        path = f"&#47;sgm&#47;uploads&#47;&#47;27319&#47;27319_{part.name}"
        said = f"Preliminary processing of your file has occurred: Job ID: {number}; new path: {path}"
        return _said({"msg": said})


def _sizes(archive: bytes) -> dict[str, int]:
    """The unpacked size of each file in an archive; for a damaged file, its size as it is."""
    sizes = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for name in opened.namelist():
            body = opened.read(name)
            try:
                sizes[name] = len(gzip.decompress(body)) if name.endswith(".gz") else len(body)
            except (OSError, EOFError, zlib.error):
                sizes[name] = len(body)
    return sizes


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _question(body: bytes) -> Row:
    try:
        decoded = json.loads(_flat(body.decode(errors="replace")).get("json", ""))
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _page() -> MotusAnswer:
    return MotusAnswer(200, b"<html><body>Motus</body></html>", "text/html")


def _redirect(location: str) -> MotusAnswer:
    return MotusAnswer(302, b"", "text/html", {"Location": location})


def _said(body: dict[str, Any]) -> MotusAnswer:
    return MotusAnswer(200, json.dumps(body).encode())
