"""Joining with a person's consent: showing a code for somebody to claim, or waiting in an organization's queue."""

import json
import os
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from station_agent.config import AmqpSettings
from station_agent.errors import AgentError, ServerAway
from station_agent.identity.enrolment import amqp_read, detail_of, server_post
from station_agent.identity.hardware import hardware_read

_CLAIMS, _ARRIVALS, _WAITING = "/api/v1/stations/claims", "/api/v1/stations/arrivals", "/api/v1/stations/waiting"
_KEPT_AS = "waiting.json"
#: Seconds between requests when the server does not answer, or says that it was asked too often.
_PATIENCE_S = 30.0
_LEAST_S, _MOST_S = 1.0, 3_600.0
_FORBIDDEN, _TOO_MANY, _OUR_FAULT = 403, 429, 500
_LET_IN = 201

_T = TypeVar("_T")
#: Shows a sentence to the person at the station.
Say = Callable[[str], None]


class ClaimCode(msgspec.Struct):
    """The server's answer: a code to show, and a secret to ask with."""

    code: str
    address: str
    secret: str
    ask_again_s: float = 5.0


class _Arrived(msgspec.Struct):
    secret: str


class _Login(msgspec.Struct):
    serial: str


class _Later(msgspec.Struct):
    ask_again_s: float = 60.0


@dataclass(frozen=True, slots=True)
class JoinTarget:
    """The server to ask, its certificate authority, and the station to ask for."""

    server: str
    serial: str
    ca_file: Path | None


def claim_open(place: JoinTarget) -> ClaimCode:
    """Ask for a code to show. Raises `AgentError` with a plain explanation."""
    return _ask(place, _CLAIMS, {}, ClaimCode)


def arrival_begin(place: JoinTarget, code: str, folder: Path) -> str:
    """Join the queue and return the secret to ask with; it is stored, so that a restart keeps the same place."""
    kept = _kept_read(folder)
    if (kept.get("server"), kept.get("serial")) == (place.server, place.serial) and kept.get("secret"):
        return str(kept["secret"])
    secret = _ask(place, _ARRIVALS, {"code": code}, _Arrived).secret
    _kept_write(folder, {"server": place.server, "serial": place.serial, "secret": secret})
    return secret


def arrival_forget(folder: Path) -> None:
    """Forget the place in the queue."""
    (folder / _KEPT_AS).unlink(missing_ok=True)


def login_await(
    place: JoinTarget, secret: str, *, say: Say, give_up: float | None = None
) -> tuple[str, AmqpSettings] | None:
    """Ask until somebody accepts this station; return its serial and login, or None after `give_up` seconds.

    Retry when the server does not answer. Raises `NotLetIn` when it is refused or has waited too long.
    """
    ends = None if give_up is None else time.monotonic() + give_up
    shown = ""
    while True:
        wait = _PATIENCE_S
        try:
            status, raw = server_post(
                server=place.server, path=_WAITING, body={"secret": secret}, ca_file=place.ca_file
            )
            if status == _LET_IN:
                return _read(raw, _Login, place).serial, amqp_read(raw, place.server)
            wait = _read(raw, _Later, place).ask_again_s
            trouble = ""
        except urllib.error.HTTPError as error:
            if error.code == _FORBIDDEN:
                raise NotLetIn from error
            if error.code != _TOO_MANY and error.code < _OUR_FAULT:
                raise AgentError(f"The server answered with status {error.code}: {detail_of(error)}") from error
            trouble = f"The server cannot answer now (status {error.code}); trying again."
        except ServerAway as error:
            trouble = f"{error} Trying again."
        if trouble and trouble != shown:
            say(trouble)
        shown = trouble
        wait = min(max(wait, _LEAST_S), _MOST_S)
        if ends is not None and time.monotonic() + wait > ends:
            return None
        time.sleep(wait)


class NotLetIn(AgentError):
    """Refused, or waited too long, or the answer with the login was lost on the way."""

    def __init__(self) -> None:
        super().__init__(
            "The server does not accept this station: it was refused, waited too long, or the answer was lost on the "
            "way. Run the same command again."
        )


def _ask(place: JoinTarget, path: str, more: dict[str, str], kind: type[_T]) -> _T:
    body = {"serial": place.serial, "hardware": hardware_read(), **more}
    try:
        _status, raw = server_post(server=place.server, path=path, body=body, ca_file=place.ca_file)
    except urllib.error.HTTPError as error:
        raise AgentError(_refusal(error)) from error
    return _read(raw, kind, place)


def _read(raw: bytes, kind: type[_T], place: JoinTarget) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise AgentError(f"The answer from {place.server} is not that of a Roost server: {error}.") from error


def _refusal(error: urllib.error.HTTPError) -> str:
    wait = error.headers.get("Retry-After", "")
    later = f"try again in {wait} seconds" if wait.isdigit() else "try again in a few minutes"
    if error.code == _FORBIDDEN:
        return "The server does not accept this code, or not for this station: ask the person who gave it to you."
    if error.code == _TOO_MANY:
        return f"The server was asked too often, or too many stations are already waiting: {later}."
    if error.code == 404:
        return f"There is no Roost server at this address that accepts stations this way ({error.url} was not found)."
    if error.code >= _OUR_FAULT:
        return f"The server has an internal error (status {error.code}): {later}."
    return f"The server did not understand the request: {detail_of(error)}"


def _kept_read(folder: Path) -> dict[str, Any]:
    try:
        kept = json.loads((folder / _KEPT_AS).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _kept_write(folder: Path, kept: dict[str, str]) -> None:
    path = folder / _KEPT_AS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(_KEPT_AS + ".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise AgentError(
            f"{path} cannot be written: {error.strerror}. Without it, the station would lose its place in the queue."
        ) from error
