"""py-amqp's connection for messages whose names and headers nobody has checked.

The broker passes on any bytes in a routing key or a property, dates beyond all calendars, and tables nested without
end; py-amqp raises in the middle of reading them. Without this, one such message would come back after every
reconnect and end the reading of all stations.
"""

import struct
from collections.abc import Callable
from typing import Any

import amqp
from amqp.method_framing import frame_handler

Frame = tuple[int, int, bytes]

_HEADER_FRAME = 2
#: Bytes of an unreadable property list that are kept for people to look at.
_KEPT = 120
_QUESTION_MARK = 0x3F


class StationChannel(amqp.Channel):
    """A channel that delivers every message. `unreadable` says what was wrong with the properties of the next one."""

    unreadable: dict[str, Any] | None = None

    def dispatch_method(self, method_sig: tuple[int, int], payload: bytes, content: Any) -> Any:
        """As py-amqp does; a routing key that is no UTF-8 is read with a question mark for each foreign byte."""
        try:
            return super().dispatch_method(method_sig, payload, content)
        except UnicodeDecodeError:
            # The payload is method, consumer tag, delivery tag, redelivered, exchange, routing key.
            names = 4 + 1 + payload[4] + 8 + 1
            return super().dispatch_method(method_sig, payload[:names] + _plain(payload[names:]), content)


class StationConnection(amqp.Connection):
    """A connection for reading what stations send."""

    Channel = StationChannel

    #: The open channels by number; py-amqp's own.
    channels: dict[int, StationChannel]

    def __init__(self, **options: Any) -> None:
        super().__init__(frame_handler=_frame_handler, **options)

    def station_channel(self) -> StationChannel:
        """A new channel."""
        channel = self.channel()
        if not isinstance(channel, StationChannel):
            raise TypeError(f"py-amqp made a {type(channel).__name__}")
        return channel


def _frame_handler(connection: StationConnection, callback: Callable[..., Any]) -> Callable[[Frame], bool]:
    """py-amqp's handler of frames; a property list that it cannot read is replaced by an empty one."""
    handle: Callable[[Frame], bool] = frame_handler(connection, callback)

    def on_frame(frame: Frame) -> bool:
        try:
            return handle(frame)
        except (
            ValueError,
            OverflowError,
            OSError,
            RecursionError,
            LookupError,
            struct.error,
            amqp.FrameSyntaxError,
        ) as error:
            kind, number, payload = frame
            if kind != _HEADER_FRAME:
                raise
            why = f"{type(error).__name__}: {error}"[:200]
            connection.channels[number].unreadable = {"unreadable": why, "raw": payload[12 : 12 + _KEPT].hex()}
            # Class, weight and body size stay; no property flag is set.
            return handle((kind, number, payload[:12] + b"\x00\x00"))

    return on_frame


def _plain(names: bytes) -> bytes:
    """The bytes with those beyond ASCII replaced, so that lengths stay what they were."""
    return bytes(byte if byte < 0x80 else _QUESTION_MARK for byte in names)
