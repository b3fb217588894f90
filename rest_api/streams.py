"""Bodies of uploads, written to disk as they arrive: if the connection breaks, everything that arrived before is kept.

Django reads a body to its end before it calls a view, and discards it if the connection breaks. So this ASGI
middleware first asks Django, with an empty body, whether the upload may go on (login, role, limits, offset). It writes
the body itself, and then lets Django answer:

PATCH ──Django──▶ refused: that answer
            └──▶ a writer ──body, until its end, a cut or a pause──▶ Django ──▶ answer

The body is read ahead from the start, because uvicorn discards what it has buffered when the connection breaks. Before
the sender is known, only a little is read.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fleet.core.requests.door import Application, Message, Receive, Scope, Send
from fleet.files.store.parts import PartWriter, part_is_written, part_wish

#: Key of the stream in the request's scope, where the view finds it.
NAME = "roost.stream"
#: Seconds without a byte after which a body counts as cut: usually, and once another request asks for the upload.
PAUSE_S, PAUSE_ASKED_S = 60.0, 0.5
#: Seconds that a request waits for an earlier one to end.
HANDOVER_S = 10.0
#: Seconds between checks whether another process asks for the upload, and whether another process still writes.
LOOK_S, LOOK_BUSY_S = 0.25, 0.05
#: Maximum bytes read ahead before the sender is known, and after that.
STRANGERS_MOST, AHEAD_MOST = 131_072, 4_000_000
#: Bytes that are written together, and seconds to wait until there are so many: writing each small piece in a thread
#: would cost more than all other work on it.
LUMP, LUMP_S = 1_000_000, 0.05
#: Maximum bytes of a refused body that are read and discarded, so that the sender sees the answer.
DRAIN_MOST = 4_000_000
#: Methods that a POST can stand for, with the header `X-HTTP-Method-Override`.
_NAMED = frozenset({b"PATCH", b"DELETE"})
_PATH = re.compile(r"/api/v1/uploads/[0-9a-f]{32}\Z")


class Stream:
    """One body while it arrives: the writer that the view chose, and whether the body was cut."""

    def __init__(self, receive: Receive) -> None:
        #: Set when the view is first called, if it accepts the body; the body is then written with it.
        self.writer: PartWriter | None = None
        #: Error of the disk, if writing failed.
        self.trouble: OSError | None = None
        self.is_cut = False
        self.done = threading.Event()
        self._receive, self._most = receive, STRANGERS_MOST
        self._waiting: deque[bytes] = deque()
        self._size, self._pause = 0, PAUSE_S
        self._came, self._room, self._enough = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._reading = asyncio.create_task(self._read())

    def hand_over(self) -> None:
        """Make this stream end soon, because another request asks for the upload. Any thread may call this."""
        self._loop.call_soon_threadsafe(self._hurry)

    async def write(self, writer: PartWriter) -> None:
        """Write the body until its end, a cut or a pause."""
        self._most = AHEAD_MOST
        self._room.set()
        try:
            while piece := await self._take():
                await asyncio.to_thread(writer.write, piece)
        except OSError as error:
            self.trouble = error
        finally:
            self.stop()

    async def drain(self) -> None:
        """Read and discard the rest of a refused body, up to a limit."""
        self._pause, taken = PAUSE_ASKED_S, 0
        while taken < DRAIN_MOST and (piece := await self._take()):
            taken += len(piece)
        self.stop()

    def stop(self) -> None:
        """Stop reading."""
        self._reading.cancel()

    async def _read(self) -> None:
        # Do no work between two calls of `receive`: what uvicorn has buffered is lost when the connection breaks.
        try:
            while True:
                message = await self._receive()
                if message["type"] != "http.request":
                    self.is_cut = True
                    return
                self._waiting.append(message.get("body", b""))
                self._size += len(self._waiting[-1])
                self._came.set()
                if self._size >= LUMP:
                    self._enough.set()
                if not message.get("more_body"):
                    return
                while self._size > self._most:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._came.set()
            self._enough.set()

    async def _take(self) -> bytes:
        """Remove and return all bytes that have arrived; empty at the end of the body, after a cut or a long pause."""
        while not self._size:
            if self._reading.done():
                return b""
            self._came.clear()
            if not await self._wait():
                self.is_cut = True
                return b""
        if self._size < LUMP and not self._reading.done():
            self._enough.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._enough.wait(), LUMP_S)
        piece = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._room.set()
        return piece

    async def _wait(self) -> bool:
        """Wait until bytes arrive; False after too long a pause."""
        since = self._loop.time()
        while not self._came.is_set():
            if self.writer is not None and self.writer.is_wished_for():
                self._pause = PAUSE_ASKED_S
            if self._loop.time() - since >= self._pause:
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), min(self._pause, LOOK_S))
        return True

    def _hurry(self) -> None:
        self._pause = PAUSE_ASKED_S
        self._came.set()


#: Streams by upload, the oldest first.
_running: dict[str, list[Stream]] = {}


def is_stream(scope: Scope) -> bool:
    """Whether the body of this request is a piece of an upload."""
    return scope["type"] == "http" and bool(_PATH.match(scope["path"])) and _method(scope) == "PATCH"


def _method(scope: Scope) -> str:
    """The method, or the one in tus' override header, for clients behind proxies that do not pass PATCH."""
    method: str = scope["method"]
    named = next((value for name, value in scope["headers"] if name == b"x-http-method-override"), b"")
    return named.decode("latin-1") if method == "POST" and named in _NAMED else method


def stream_hand_over(upload_id: str, *, to: Stream | None = None) -> bool:
    """End other streams of this upload, after they have written what arrived; False if there were none.

    A stream waits only for streams that began before it, so that no two wait for each other. A stream in another
    process is asked through a file beside the part.
    """
    others = list(_running.get(upload_id, ()))
    if to in others:
        others = others[: others.index(to)]
    for stream in others:
        stream.hand_over()
        stream.done.wait(HANDOVER_S)
    return _elsewhere_hand_over(upload_id) or bool(others)


def _elsewhere_hand_over(upload_id: str) -> bool:
    """Ask another process that writes to the part to end, and wait for it; False if none did."""
    if not part_is_written(upload_id):
        return False
    until = time.monotonic() + HANDOVER_S
    while part_is_written(upload_id) and time.monotonic() < until:
        part_wish(upload_id)
        time.sleep(LOOK_BUSY_S)
    return True


class UploadStreams:
    """ASGI middleware. `Door` in front of it limits the length of a body."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http" and _PATH.match(scope["path"]):
            scope = {**scope, "method": _method(scope)}
        if not is_stream(scope):
            return await self._application(scope, receive, send)
        stream = Stream(receive)
        asked = {**scope, NAME: stream}
        with _known_as_running(scope["path"][-32:], stream):
            answer = await self._ask(asked, stream)
            if stream.writer is not None:
                try:
                    await stream.write(stream.writer)
                finally:
                    await asyncio.to_thread(stream.writer.finish, is_cut=stream.is_cut)
                return await self._application(asked, nothing_more(), send)
        await stream.drain()
        return await answer.give(send)

    async def _ask(self, asked: Scope, stream: Stream) -> _Answer:
        """Let Django decide. Its answer is used only if it set no writer."""
        answer = _Answer()
        try:
            await self._application(asked, nothing_more(), answer.take)
        except BaseException:
            stream.stop()
            if stream.writer is not None:
                stream.writer.finish(is_cut=True)
            raise
        return answer


class _Answer:
    """An answer from Django, held until it can be sent."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def take(self, message: Message) -> None:
        self._messages.append(message)

    async def give(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


@contextmanager
def _known_as_running(upload_id: str, stream: Stream) -> Iterator[None]:
    streams = _running.setdefault(upload_id, [])
    streams.append(stream)
    try:
        yield
    finally:
        streams.remove(stream)
        if not streams:
            del _running[upload_id]
        stream.done.set()


def nothing_more() -> Receive:
    """A `receive` that returns an empty body, and after that waits forever."""
    given = False

    async def receive() -> Any:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive
