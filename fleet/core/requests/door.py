"""The front door of both web processes: it refuses malformed and oversized requests before anything reads them.

It limits the size of every body, whoever sends it and to whatever path. It answers 400 to a malformed Host or Origin
header, and believes what proxies say about the caller only if ROOST_PROXIES names them.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Any, TypeAlias

from fleet.core.requests.proxies import Proxies

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Maximum bytes of a body where none is expected: with GET and the like, or sent to the live process.
BARE_MOST = 65_536
#: How many bytes beyond the limit are still read and thrown away: a client that is refused while it is still sending
#: would only see a broken connection.
_DRAIN_MOST = 4_000_000
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}\Z", re.IGNORECASE)
_CLOSE = (b"connection", b"close")
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS", "DELETE", "TRACE"})


class Door:
    """ASGI middleware. `most` returns the maximum body size in bytes for a request."""

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
    """Counts the bytes of a body. Beyond the limit it answers 413; to the application, the caller has disconnected."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        self._scope, self._receive, self._send, self._most = scope, receive, send, most
        self._taken = 0
        self._is_read = not _has_body(scope)
        self._is_answered = self._is_refused = False

    async def receive(self) -> Message:
        """Return the next part of the body."""
        message = await self._take()
        if self._taken > self._most:
            if message.get("more_body"):
                await self.drain()
            await self.refuse()
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Pass the application's answer on, unless the request was already refused."""
        if self._is_refused:
            return
        self._is_answered = True
        if message["type"] == "http.response.start" and not self._is_read:
            # If the connection stayed open, the server would have to read the rest of the body, however long it is.
            message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
        await self._send(message)

    async def drain(self) -> None:
        """Read and throw away the rest of the body, up to a limit."""
        while self._taken <= self._most + _DRAIN_MOST:
            message = await self._take()
            if message["type"] != "http.request" or not message.get("more_body"):
                return

    async def refuse(self) -> None:
        """Answer that the body is too long."""
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
    """Whether this is a valid host name or address, with or without a port."""
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        return bool(bracket) and _is_v6(address) and (not port or (port[0] == ":" and _is_port(port[1:])))
    name, colon, port = host.partition(":")
    return bool(_NAME.match(name)) and (not colon or _is_port(port))


def origin_is_written_well(origin: str) -> bool:
    """Whether this is a scheme and a host, or `null`."""
    scheme, mark, host = origin.partition("://")
    return origin == "null" or bool(mark and _SCHEME.match(scheme) and host_is_written_well(host))


def _headers_wrong(scope: Scope) -> str:
    """The fault of the Host and Origin headers; empty if there is none."""
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
    """Answer and close the connection, so that the rest is never read: problem JSON for the API, else a sentence."""
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
