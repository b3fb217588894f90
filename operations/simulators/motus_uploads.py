"""The Motus simulator's pages for uploads and its job server: sessions, verify, start, transfer, jobs and their logs."""

from __future__ import annotations

import bz2
import hashlib
import io
import itertools
import json
import threading
import zipfile
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from operations.simulators.motus_answers import USERS, MotusAnswer
from operations.simulators.motus_rows import Row

#: Beginnings of the addresses that are answered here.
UPLOAD_PATHS = ("/data", "/status2/", "/api/sgdata/custom/")
_FIRST_JOB = 11_412_766


@dataclass
class MotusJob:
    """A job: `done` and `parts_done` are 0 waiting, 1 done, below 0 failed."""

    number: int
    project: str
    names: list[str]
    done: int = 0
    parts_done: int = 0
    log: str = ""


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
        #: JSESSIONID -> login; session_token -> login, each usable once; authToken -> login.
        self.sessions: dict[str, str] = {}
        self._renewals: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._parts: dict[str, _Part] = {}
        self.jobs: dict[int, MotusJob] = {}
        #: SHA-1 of contents -> what verify says about them.
        self._seen: dict[str, str] = {}
        #: Logins tried, with their outcome; bodies received by `start`; and steps in their order.
        self.logins: list[tuple[str, bool]] = []
        self.received: list[bytes] = []
        self.steps: list[str] = []
        #: `start` refuses archives whose names contain this.
        self.poison = ""

    def sessions_end(self) -> None:
        """All sessions and tokens expire."""
        with self._lock:
            self.sessions.clear()
            self._tokens.clear()

    def answer(self, method: str, address: str, cookie: str, body: bytes) -> MotusAnswer:
        """Answer one request."""
        path, query = urlsplit(address).path.rstrip("/"), _flat(urlsplit(address).query)
        cookies = {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
        with self._lock:
            if path == "/data/login":
                return self._login(method, _flat(body.decode(errors="replace")), cookies)
            if path == "/data":
                return _page() if cookies.get("JSESSIONID") in self.sessions else _redirect("/data/login")
            if path == "/data/project/sgJobs":
                return self._jobs_page(method, query, cookies, body)
            if path == "/api/sgdata/custom/authenticate_user":
                return self._token(_question(body))
            if path == "/status2/list_jobs":
                return self._list(_question(body))
        return MotusAnswer(404, b"Not Found", "text/plain")

    def _login(self, method: str, form: Row, cookies: dict[str, str]) -> MotusAnswer:
        """A right password: 302 without a location; a wrong one: with. A session_token works once."""
        if method == "GET":
            login = self._renewals.pop(cookies.get("session_token", ""), "")
            return self._opened(login, "https://motus.org/data") if login else _page()
        login = form.get("login_name", "")
        is_right = login in USERS and USERS[login][0] == form.get("login_password")
        self.logins.append((login, is_right))
        return self._opened(login, "") if is_right else _redirect("https://motus.org/data/login?failed=1")

    def _opened(self, login: str, location: str) -> MotusAnswer:
        session, renewal = f"J{next(self._numbers)}", f"T{next(self._numbers)}"
        self.sessions[session], self._renewals[renewal] = login, login
        cookies = (f"JSESSIONID={session}; Path=/; HttpOnly", f"session_token={renewal}; Path=/; Max-Age=3888000")
        return MotusAnswer(302, b"", "text/html", {"Location": location} if location else {}, cookies)

    def _jobs_page(self, method: str, query: Row, cookies: dict[str, str], body: bytes) -> MotusAnswer:
        login = self.sessions.get(cookies.get("JSESSIONID", ""))
        if login is None:
            return _redirect("/login")
        project = query.get("projectID", "")
        if project not in USERS[login][1]["projects"]:
            return _redirect("/data")
        if "verifyHash" in query:
            return self._verify(query, project)
        part = self._parts.get(query.get("filePartName", ""))
        if part is None:
            return _said({"error": "unknown filePartName"})
        if query.get("action") == "start" and method == "POST":
            return self._start(part, body)
        return (
            self._transfer(query, part, login) if query.get("action") == "transfer" else _said({"error": "no action"})
        )

    def _verify(self, query: Row, project: str) -> MotusAnswer:
        self.steps.append("verify")
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
        names = zipfile.ZipFile(io.BytesIO(part.body)).namelist()
        self.jobs[number] = MotusJob(number, part.project, names)
        self._seen[part.sha1] = (
            f"This file has already been uploaded by {login}\r\n(2021-12-22 05:43:24; jobID: {number})"
        )
        path = f"&#47;sgm&#47;uploads&#47;&#47;27319&#47;27319_{part.name}"
        said = f"Preliminary processing of your file has occurred: Job ID: {number}; new path: {path}"
        return _said({"msg": said})

    def _token(self, question: Row) -> MotusAnswer:
        login = str(question.get("user", ""))
        if login not in USERS or USERS[login][0] != question.get("password"):
            return _columns({"error": "authentication with motus failed"})
        token = f"A{next(self._numbers)}"
        self._tokens[token] = login
        return _columns({"authToken": token, "expiry": 0, "userID": USERS[login][1]["userID"]})

    def _list(self, question: Row) -> MotusAnswer:
        login = self._tokens.get(str(question.get("authToken", "")))
        if login is None:
            return _columns({"error": "token expired"})
        project = str(question.get("projectID", ""))
        if project not in USERS[login][1]["projects"]:
            return _columns({"error": "not authorized for project"})
        job = self.jobs.get(question.get("select", {}).get("jobID"))
        if job is None or job.project != project:
            return _columns({name: [] for name in ("id", "type", "done", "sjDone", "log")})
        return _columns(
            {
                "id": [job.number],
                "type": ["uploadFiles"],
                "done": [job.done],
                "sjDone": [job.parts_done],
                "log": [job.log],
            }
        )


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


def _columns(body: dict[str, Any]) -> MotusAnswer:
    """Packed with bzip2, as the data server does for those who do not ask for gzip."""
    return MotusAnswer(200, bz2.compress(json.dumps(body).encode()), "application/json")
