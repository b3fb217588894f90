"""The door of both web processes: what no request may be is refused here, before anything reads it.

Bodies are bounded whoever sends them and wherever they lead, a host or an origin that is none is answered 400, and what
proxies say of the caller is believed only from those that ROOST_PROXIES names.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Any, TypeAlias

from fleet.core.proxies import Proxies

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Octets of a body that nobody expects: of a question, or to the live process.
BARE_MOST = 65_536
#: So many octets beyond a bound are still read and thrown away: whoever is told to stop while sending sees only that the
#: connection broke.
_DRAIN_MOST = 4_000_000
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}\Z", re.IGNORECASE)
_CLOSE = (b"connection", b"close")
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "TRACE"})


class Door:
    """An ASGI application around another one. `most`: octets that the body of this request may have."""

    def __init__(self, application: Application, *, proxies: Proxies, most: Callable[[Scope], int]) -> None:
        self._application = application
        self._proxies = proxies
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            return await self._application(scope, receive, send)
        wrong = _headers_wrong(scope)
        if wrong:
            return await _refuse(scope, send, HTTPStatus.BAD_REQUEST, wrong)
        most = BARE_MOST if scope["method"] in _NO_BODY else self._most(scope)
        body = _Body(scope, receive, send, most)
        if _length_told(scope) > most:
            await body.drain()
            return await body.refuse()
        return await self._application(self._proxies.caller_put(scope), body.receive, body.send)


class _Body:
    """Counts what comes; beyond the bound it answers 413 itself, and to the application the caller is gone."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        self._scope, self._receive, self._send, self._most = scope, receive, send, most
        self._taken = 0
        self._is_read = not _has_body(scope)
        self._is_answered = self._is_refused = False

    async def receive(self) -> Message:
        """The next part of the body."""
        message = await self._take()
        if self._taken > self._most:
            if message.get("more_body"):
                await self.drain()
            await self.refuse()
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Hand an answer on, unless ours was given already."""
        if self._is_refused:
            return
        self._is_answered = True
        if message["type"] == "http.response.start" and not self._is_read:
            # Kept open, the connection would take the rest of the body, however long it is.
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await self._send(message)

    async def drain(self) -> None:
        """Throw away what still comes, within a bound."""
        while self._taken <= self._most + _DRAIN_MOST:
            message = await self._take()
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    async def refuse(self) -> None:
        """Say that it is too long."""
        if self._is_answered or self._is_refused:
            return
        self._is_refused = True
        words = f"The body is longer than {self._most / 1_000_000:.1f} MB: send less at a time."
        await _refuse(self._scope, self._send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)

    async def _take(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        self._is_read = self._is_read or not message.get("more_body")
        return message


def host_is_written_well(host: str) -> bool:
    """Whether this is a name or an address, with a port or without."""
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        return bool(bracket) and _is_v6(address) and (not port or (port[0] == ":" and _is_port(port[1:])))
    name, colon, port = host.partition(":")
    return bool(_NAME.match(name)) and (not colon or _is_port(port))


def origin_is_written_well(origin: str) -> bool:
    """Whether this is a scheme with a host, or `null`."""
    scheme, mark, host = origin.partition("://")
    return origin == "null" or bool(mark and _SCHEME.match(scheme) and host_is_written_well(host))


def _headers_wrong(scope: Scope) -> str:
    """What is wrong with the two headers that say where a request goes and which page sent it; empty for nothing."""
    for name, is_well in ((b"host", host_is_written_well), (b"origin", origin_is_written_well)):
        told = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
        if len(told) > 1 or not all(map(is_well, told)):
            return f"The header {name.decode().title()} cannot be read: it names no host."
    return ""


def _length_told(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() else 0


def _has_body(scope: Scope) -> bool:
    return _length_told(scope) > 0 or any(name == b"transfer-encoding" for name, _value in scope["headers"])


def _is_v6(text: str) -> bool:
    try:
        return "%" not in text and bool(IPv6Address(text))
    except ValueError:
        return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535


async def _refuse(scope: Scope, send: Send, status: HTTPStatus, words: str) -> None:
    """Answer and hang up, so that nobody has to read the rest: a problem to programs, a sentence to people."""
    body, kind = words.encode(), b"text/plain; charset=utf-8"
    if scope["path"].startswith("/api/"):
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": words}
        body, kind = json.dumps(problem).encode(), b"application/problem+json"
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        _CLOSE,
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
