"""Pika's connection, writing once what pika writes in pieces.

Pika hands each frame to the socket by itself, three for one message. On an encrypted link each becomes a record and a
segment of its own with 74 bytes around it, and an acknowledgement; gathered, a burst of messages needs one.
"""

import asyncio

from pika.adapters.asyncio_connection import AsyncioConnection


class GatheringConnection(AsyncioConnection):
    """Gathers what is written in one turn of the loop. The method it overrides is pika's own way to its transport."""

    _gathered: list[bytes] | None = None

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._gathered is None:
            self._gathered = []
            asyncio.get_running_loop().call_soon(self._gathered_write)
        self._gathered.append(data)

    def _gathered_write(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered and self._transport is not None:
            super()._adapter_emit_data(b"".join(gathered))
