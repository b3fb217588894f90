"""Fault switches of the Motus simulator, and the faulty answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from operations.simulators.motus_rows import Row


@dataclass(frozen=True, slots=True)
class Faults:
    """The switches. `times` is the number of faulty answers until everything works again; 0: until switched off."""

    #: A web page with status 200; plain text with status 500; an error object with status 200.
    html: bool = False
    internal_error: bool = False
    error_in_band: str = ""
    #: Status 429 with this many seconds in Retry-After; -1: none.
    busy_retry_after: int = -1
    #: Seconds before the answer.
    slow_s: float = 0.0
    #: The answer ends in the middle of the JSON, with a matching Content-Length; or the connection is cut.
    truncated: bool = False
    cut: bool = False
    #: The connection is cut while the request is still being read.
    cut_upload: bool = False
    #: Seconds by which the server's clock is wrong.
    clock_drift_s: float = 0.0
    #: A serial whose active row is missing from every list.
    missing_active: str = ""
    #: Only requests with this in their address are faulty; empty: all.
    only: str = ""
    #: The whole site has moved to another address: 301.
    moved: bool = False
    #: A project in which no login has rights any more; and whether a list of projects comes instead of an object.
    lost_project: int = 0
    odd_projects: bool = False
    #: Whether the session ends before this request, the login is locked, and somebody else has sent the archive.
    session_ended: bool = False
    login_locked: bool = False
    known_zip: bool = False
    #: How waiting jobs end at the next request about them: `done`, `error` or `bad_files`; empty: they go on waiting.
    job_outcome: str = ""
    #: Motus does not know the receiver whose files are asked for.
    receiver_unknown: bool = False
    #: No row matches.
    empty: bool = False
    times: int = 0


@dataclass(frozen=True, slots=True)
class MotusAnswer:
    """Status, type and body of one answer."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def fault_answer(faults: Faults) -> MotusAnswer | None:
    """The faulty answer that the switches ask for; None if they ask for none."""
    if faults.html:
        return MotusAnswer(
            200, b"<html><head><title>Maintenance</title></head><body>Back soon.</body></html>", "text/html"
        )
    if faults.internal_error:
        return MotusAnswer(500, b"Internal Server Error", "text/plain")
    if faults.moved:
        return MotusAnswer(301, b"", "text/html", {"Location": "https://moved.example.org/api/"})
    if faults.error_in_band:
        return answer_json(200, {"error": faults.error_in_band})
    if faults.busy_retry_after >= 0:
        return MotusAnswer(429, b"Too Many Requests", "text/plain", {"Retry-After": str(faults.busy_retry_after)})
    return None


def faults_from(body: Row) -> Faults:
    """Switches from the control endpoint; unknown names raise TypeError."""
    return replace(Faults(), **body)


def answer_json(status: int, body: dict[str, Any]) -> MotusAnswer:
    """An object as JSON, as Motus writes it."""
    return MotusAnswer(status, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
