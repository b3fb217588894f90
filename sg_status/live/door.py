"""The live process's own small ASGI application: `/live/fleet`, `/live/stations/<serial>`, `/live/healthz`."""

import asyncio
import contextlib
import json
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeAlias

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError

from sg_status.live.access import grant_of, header, host_allowed, origin_allowed, session_of
from sg_status.live.hub import Hub, Listener
from sg_status.live.rights import OpenStream, Rights

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

#: Minimum seconds between two events on one connection, and seconds of quiet after which a heartbeat is sent.
GAP_S, HEARTBEAT_S = 0.33, 15.0
#: Seconds after which a page that reads nothing is considered gone.
SEND_MOST_S = 30.0
LISTENERS_MOST = 2_000
#: Maximum open pages per person. Further pages poll instead.
PERSONS_MOST = 50

_STATIONS = "/live/stations/"
_log = logging.getLogger(__name__)


class LiveDoor:
    """The application. It has one hub, which starts and ends with the process."""

    def __init__(self) -> None:
        self._hub = Hub(settings.ROOST_REDIS_URL)
        self._stopping = asyncio.Event()
        # Two are enough: one for new connections, one for checking the rights of open ones.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live-database")
        self._ask = sync_to_async(grant_of, thread_sensitive=False, executor=self._threads)
        self._rights = Rights(self._ask)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        tasks: list[asyncio.Task[None]] = []
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                tasks = [asyncio.create_task(self._hub.run()), asyncio.create_task(self._rights.run())]
                self._end_streams_on_signal()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._stopping.set()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._threads.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _end_streams_on_signal(self) -> None:
        """End the streams on the signal to stop: the server sends its shutdown event only after they have ended."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)

            def handle(signum: int, frame: FrameType | None, before: Any = before) -> None:
                loop.call_soon_threadsafe(self._stopping.set)
                if callable(before):
                    before(signum, frame)

            signal.signal(number, handle)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        host, origin = header(headers, "host"), header(headers, "origin")
        path: str = scope["path"]
        if not host_allowed(host):
            return await _say(send, 400, "This host name is not one of this server's.")
        if scope["method"] != "GET":
            return await _say(send, 405, "Only GET is answered here.")
        if path == "/live/healthz":
            return await self._healthz(send)
        if origin and not origin_allowed(origin, host):
            return await _say(send, 403, "Only pages of this site can listen.")
        if not origin and header(headers, "sec-fetch-site") not in ("", "none", "same-origin"):
            return await _say(send, 403, "Only pages of this site can listen.")
        return await self._listen(path, header(headers, "cookie"), origin, receive, send)

    async def _healthz(self, send: Send) -> None:
        detail = f"{len(self._hub)} pages listen." if self._hub.is_hearing else "Redis does not answer."
        body = json.dumps({"healthy": self._hub.is_hearing, "detail": detail})
        await _say(send, 200 if self._hub.is_hearing else 503, body, content_type=b"application/json")

    async def _listen(self, path: str, cookies: str, origin: str, receive: Receive, send: Send) -> None:
        crossing = _crossing(origin)
        serial = path.removeprefix(_STATIONS).rstrip("/") if path.startswith(_STATIONS) else None
        if serial is None and path.rstrip("/") != "/live/fleet":
            return await _say(send, 404, "There is nothing at this address.", crossing)
        try:
            session = session_of(cookies)
            grant = await self._ask(session, serial) if session else None
        except DatabaseError:
            return await _say(send, 503, "The database does not answer.", crossing)
        if grant is None:
            return await _say(
                send, 403, "Log in on the site first; you can only follow stations that you can see.", crossing
            )
        if len(self._hub) >= LISTENERS_MOST or self._stopping.is_set():
            return await _say(send, 503, "No more pages can listen now.", crossing)
        if self._rights.places_of(grant.person_id) >= PERSONS_MOST:
            words = f"You have {PERSONS_MOST} open pages already: close some."
            return await _say(send, 429, words, [*crossing, (b"retry-after", b"60")])
        start = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *crossing,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        listener, held = Listener(grant.organization_ids, grant.serial), self._rights.hold(session, grant)
        self._hub.join(listener)
        try:
            await self._until_over(self._stream(listener, send), held, receive)
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._hub.leave(listener)
            self._rights.release(held)

    async def _until_over(self, stream: Awaitable[None], held: OpenStream, receive: Receive) -> None:
        """Stream until it ends, the page is gone or loses its rights, or the process stops."""
        tasks = [
            asyncio.ensure_future(stream),
            asyncio.ensure_future(_wait_until_gone(receive)),
            asyncio.ensure_future(held.over.wait()),
            asyncio.ensure_future(self._stopping.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _stream(self, listener: Listener, send: Send) -> None:
        await _write(send, b"retry: 5000\n\n")
        while True:
            try:
                await asyncio.wait_for(listener.wake.wait(), HEARTBEAT_S)
                events = listener.take()
            except TimeoutError:
                events = b": beat\n\n"
            await _write(send, events)
            await asyncio.sleep(GAP_S)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    await asyncio.wait_for(send({"type": "http.response.body", "body": body, "more_body": True}), SEND_MOST_S)


async def _say(
    send: Send,
    status: int,
    text: str,
    headers: Headers | None = None,
    content_type: bytes = b"text/plain; charset=utf-8",
) -> None:
    start = [(b"content-type", content_type), (b"cache-control", b"no-store"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": text.encode(), "more_body": False})


def _crossing(origin: str) -> Headers:
    """Headers that let the site's own page, on another port, send its cookie and read the answer."""
    if not origin:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"vary", b"origin"),
    ]
