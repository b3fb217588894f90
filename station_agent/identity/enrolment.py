"""Enrolment: a single-use token becomes this station's own login, written to the configuration."""

import http.client
import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pika
from pika.exceptions import AMQPError

from message_queue.errors import SerialNotAllowed
from message_queue.routing import is_upload, serial_check, serial_of_exchange
from station_agent import __version__
from station_agent.config import PREFIX, AmqpSettings, config_read, config_write
from station_agent.errors import AgentError, ServerAway, WrongUse
from station_agent.identity.hardware import hardware_read
from station_agent.link.endpoint import parameters_make
from station_agent.link.reasons import reason_of

_SECONDS = 60.0
_ANSWER_MOST = 262_144
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PATH = "/api/v1/enrolments"


class _Answer(msgspec.Struct):
    amqp: dict[str, Any]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a token must not follow one to another server."""

    def redirect_request(self, *parts: Any) -> None:
        """Refuse, naming the target."""
        raise AgentError(f"The server redirects this address to {parts[-1]}: give that one as --server.")


def server_check(server: str, *, insecure_http: bool) -> str:
    """The server's address without a trailing slash. Raises `WrongUse` for one that would expose the token."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongUse(f"{server!r} is not a server address: write it like https://roost.example.org.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not insecure_http:
        raise WrongUse(
            "Over plain http:// anybody on the way could read the station's password: use https://, "
            "or add --insecure-http."
        )
    return server.rstrip("/")


def serial_choose(given: str | None, config_path: Path) -> str:
    """The serial given, else STATION_AGENT_SERIAL, else the configuration's, else the host name (a Sensorgnome's id)."""
    serial = given or os.environ.get(PREFIX + "SERIAL") or config_read(config_path).get("serial")
    serial = str(serial or socket.gethostname().partition(".")[0])
    try:
        return serial_check(serial)
    except SerialNotAllowed as error:
        raise WrongUse(f"{error} Give another one with --serial.") from error


def enrolment_ask(
    *, server: str, token: str, serial: str, ca_file: Path | None, for_upload: bool = False
) -> AmqpSettings:
    """Exchange the token for the login. Raises `AgentError` with a plain explanation."""
    body = {"serial": serial, "token": token, "hardware": hardware_read()}
    if for_upload:
        body["purpose"] = "upload"
    try:
        _status, raw = server_post(server=server, path=_PATH, body=body, ca_file=ca_file)
    except urllib.error.HTTPError as error:
        raise AgentError(_refusal(error, serial)) from error
    return amqp_read(raw, server)


def server_post(*, server: str, path: str, body: dict[str, Any], ca_file: Path | None) -> tuple[int, bytes]:
    """Status and body of a good answer. Raises `HTTPError` for a refusal, `ServerAway` when there is no answer."""
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        server + path,
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"station-agent/{__version__}",
        },
    )
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise WrongUse(f"The certificate file {ca_file} cannot be used: {error}.") from error
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return answer.status, answer.read(_ANSWER_MOST)
    except urllib.error.HTTPError:
        raise
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        inner = error.reason if isinstance(error, urllib.error.URLError) else error
        parts = urlsplit(server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        cause = inner if isinstance(inner, BaseException) else OSError(str(inner))
        raise ServerAway(reason_of(cause, parts.hostname or server, port)) from error


def amqp_read(raw: bytes, server: str) -> AmqpSettings:
    """The login in an answer. Raises `AgentError` when there is none."""
    known = {field.name for field in msgspec.structs.fields(AmqpSettings)}
    try:
        answer = msgspec.json.decode(raw, type=_Answer).amqp
        # A newer server may send more fields; a configuration with unknown settings would be refused.
        return msgspec.convert({key: value for key, value in answer.items() if key in known}, AmqpSettings)
    except msgspec.DecodeError as error:
        raise AgentError(f"The answer from {server} is not that of a Roost server: {error}.") from error


def _refusal(error: urllib.error.HTTPError, serial: str) -> str:  # noqa: PLR0911 - one sentence each
    """The server's refusal, explained to the person at the station."""
    match error.code:
        case 403:
            return (
                f"The server did not accept the token for station {serial}: it is wrong, already used, "
                "expired, or meant for another station or purpose. Ask for a new one. "
                f"The server says: {detail_of(error)}"
            )
        case 429:
            return f"The server was asked too often: try again {_when(error)}."
        case 503:
            return f"The server cannot enrol stations at the moment; the token is still good: try again {_when(error)}."
        case 400:
            return f"The server did not understand the request: {detail_of(error)}"
        case 404:
            return f"There is no Roost server at this address ({error.url} was not found)."
        case code if code >= 500:
            return (
                f"The server has an internal error (status {code}): try again in a few minutes, "
                "and ask for a new token if this one is then refused."
            )
        case code:
            return f"The server answered with status {code}: {detail_of(error)}"


def _when(error: urllib.error.HTTPError) -> str:
    wait = error.headers.get("Retry-After", "")
    return f"in {wait} seconds" if wait.isdigit() else "in a few minutes"


def detail_of(error: urllib.error.HTTPError) -> str:
    """The server's own explanation, if it gave one."""
    try:
        body: Any = json.loads(error.read(10_000))
    except (OSError, ValueError):
        return "it gave no reason."
    text = body.get("detail") if isinstance(body, dict) else None
    return str(text or json.dumps(body))[:300]


def config_for_upload_check(config_path: Path) -> None:
    """Raise `WrongUse` if a desk's login would overwrite the station's own."""
    amqp = config_read(config_path).get("amqp")
    exchange = amqp.get("exchange") if isinstance(amqp, dict) else None
    if exchange and not is_upload(str(exchange)):
        raise WrongUse(
            f"{config_path} contains a station's own login. A desk's login needs a separate file: "
            "name one with --config."
        )


def enrolment_write(*, config_path: Path, server: str, serial: str, amqp: AmqpSettings) -> str:
    """Put the login into the configuration, leaving the other settings; returns the station's serial there."""
    table = config_read(config_path)
    table["serial"] = serial_of_exchange(amqp.exchange) or serial
    table["server"] = server
    table["amqp"] = msgspec.to_builtins(amqp)
    try:
        config_write(config_path, table)
    except OSError as error:
        raise AgentError(f"The configuration {config_path} cannot be written: {error.strerror}.") from error
    return str(table["serial"])


def connection_test(amqp: AmqpSettings) -> str | None:
    """Open and close a connection; return None on success, otherwise the reason."""
    try:
        parameters = parameters_make(amqp, heartbeat=60, blocked=30.0, name="enrolment test")
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError) as error:
        return reason_of(error, amqp.host, amqp.port)
    return None
