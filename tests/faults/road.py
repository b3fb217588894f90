"""The network between stations and brokers: a TCP proxy that delays, cuts, drops, slices, or chooses among brokers."""

import asyncio
import contextlib
import itertools
import random
import socket
import struct
import threading
import time
from collections.abc import Sequence

#: Size and number of pieces under way in one direction before the proxy stops reading; a slow line has small buffers.
PIECE, PIECES = 512, 128
#: Seconds to wait for a broker to accept a connection.
REACH_S = 2.0
_RESET = struct.pack("ii", 1, 0)


class Road(threading.Thread):
    """Forwards TCP from `port` to the first of `targets` that answers, in turn. Its state may be changed at any time.

    delay_s   delay in each direction, in seconds
    rate      bytes a second in each direction, None for no limit
    slice     bytes per write
    silent    drops everything from the target, without an error
    closed    refuses new connections
    open_for  seconds out of every ten in which anything passes
    """

    def __init__(self, *targets: int, port: int = 0, host: str = "127.0.0.1") -> None:
        super().__init__(name="road", daemon=True)
        self.targets: Sequence[int] = targets
        self.delay_s, self.rate, self.slice = 0.0, None, 65_536
        self.silent = self.closed = False
        self.open_for = 10.0
        #: Times (monotonic) of connections, and bytes that went through, to and from the target.
        self.connected_at: list[float] = []
        self.sent = self.received = 0
        self._turn = itertools.count()
        self._open: set[asyncio.StreamWriter] = set()
        self._door = socket.create_server((host, port), backlog=1024)
        self.port = self._door.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self.start()

    def run(self) -> None:
        """Serve until stopped."""
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def cut(self) -> None:
        """Break all open connections with a reset."""
        self._loop.call_soon_threadsafe(self._cut)

    def stop(self) -> None:
        """Stop it and close all connections."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)
        self.join(10)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._forward, sock=self._door)
        await self._ending.wait()
        server.close()
        self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut(self) -> None:
        for writer in list(self._open):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()

    async def _forward(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        self.connected_at.append(time.monotonic())
        far = None if self.closed else await self._reach()
        if far is None:
            near_out.transport.abort()
            return
        far_in, far_out = far
        self._open |= {near_out, far_out}
        try:
            await asyncio.gather(
                self._carry(near_in, far_out, is_out=True), self._carry(far_in, near_out, is_out=False)
            )
        finally:
            self._open -= {near_out, far_out}
            near_out.transport.abort()
            far_out.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for number in range(len(self.targets)):
            port = self.targets[(first + number) % len(self.targets)]
            try:
                return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), REACH_S)
            except (OSError, TimeoutError):
                continue
        return None

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_out: bool) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES)
        writing = asyncio.ensure_future(self._deliver(under_way, target, is_out=is_out))
        try:
            while data := await source.read(PIECE if self.rate else 65_536):
                put = asyncio.ensure_future(under_way.put((time.monotonic() + self.delay_s, data)))
                await asyncio.wait({put, writing}, return_when=asyncio.FIRST_COMPLETED)
            await under_way.put((time.monotonic() + self.delay_s, b""))
            await writing
        except OSError:
            pass
        finally:
            writing.cancel()
            # When one end is gone, close the other.
            target.transport.close()

    async def _deliver(
        self, under_way: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter, *, is_out: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = await under_way.get()
                if (early := due - time.monotonic()) > 0:
                    await asyncio.sleep(early)
                while time.monotonic() % 10 > self.open_for:  # noqa: ASYNC110 - a clock has no event
                    await asyncio.sleep(random.uniform(0.05, 0.2))
                if not data:
                    return
                if self.silent and not is_out:
                    continue
                for begin in range(0, len(data), self.slice):
                    part = data[begin : begin + self.slice]
                    target.write(part)
                    await target.drain()
                    if self.slice < PIECE:
                        # Otherwise the kernel joins the slices again.
                        await asyncio.sleep(0)
                    if self.rate:
                        await asyncio.sleep(len(part) / self.rate)
                if is_out:
                    self.sent += len(data)
                else:
                    self.received += len(data)
