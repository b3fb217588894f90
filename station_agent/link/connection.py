"""Pika's connection, combining pika's many small writes.

Pika hands each frame to the socket separately, three for one message. On an encrypted link each becomes a separate
record and segment with 74 bytes around it, and an acknowledgement; combined, a burst of messages needs one.
"""

import asyncio

from pika.adapters.asyncio_connection import AsyncioConnection


class GatheringConnection(AsyncioConnection):
    """Combines everything written in one turn of the loop.

    It overrides pika's internal method for writing to the transport.
    """

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
