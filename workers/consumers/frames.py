"""py-amqp's connection, adapted to read messages of stations: in bursts, and with arbitrary bytes in names and headers.

It fixes two problems of py-amqp. First, py-amqp makes four system calls per frame, which costs more than all later
processing of a message. Here one read fetches many frames, and a complete delivery in the buffer is parsed without
intermediate objects. Second, the broker passes on any bytes in routing keys and properties, impossible dates, and
endlessly nested tables. py-amqp raises while reading them, so a single such message, redelivered after every
reconnect, would stop ingest for all stations.

Handshake, channels, acknowledgements and unusual frames are still handled by py-amqp.
"""

import struct
from collections.abc import Callable, Mapping
from struct import Struct, unpack_from
from typing import Any

import amqp
from amqp import spec
from amqp.basic_message import Message
from amqp.method_framing import frame_handler
from amqp.serialization import PROPERTY_CLASSES
from amqp.transport import TCPTransport

from fleet.ingest.delivery import Delivery
from workers.consumers.properties import usual_properties

Frame = tuple[int, int, bytes]
#: Callback with the delivery tag, whether the message was delivered before, and the message.
Receive = Callable[[int, bool, Delivery], None]

_METHOD_FRAME, _HEADER_FRAME, _BODY_FRAME = 1, 2, 3
_FRAME_END = 0xCE
_HEAD = Struct(">BHI").unpack_from
_HEAD_BYTES = 7
#: Class and method of Basic.Deliver.
_DELIVER = b"\x00\x3c\x00\x3c"
_TAG = Struct(">QB").unpack_from
_BASIC = Message.CLASS_ID
_load_properties = PROPERTY_CLASSES[_BASIC]
#: A content header has its property flags after class, weight and size of the body.
_FLAGS_AT = 12
#: Maximum bytes per read.
_READ = 262_144
#: Bytes of an unreadable property list that are kept for people to inspect.
_KEPT = 120
_QUESTION_MARK = 0x3F
_UNREADABLE = (ValueError, OverflowError, OSError, RecursionError, LookupError, struct.error, amqp.FrameSyntaxError)


class BurstTransport(TCPTransport):
    """A socket read in large pieces. `pending` holds bytes that were read but not yet parsed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pending = b""

    def wait_for(self, seconds: float) -> None:
        """Set the timeout of reads and writes, in seconds."""
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def fill(self) -> None:
        """Read available bytes. Raises `TimeoutError` after the socket's timeout, OSError if the connection ended."""
        if self.sock is None:
            raise ConnectionResetError("There is no connection to the broker.")
        try:
            more = self.sock.recv(_READ)
        except BlockingIOError as error:
            raise TimeoutError from error
        except TimeoutError:
            raise
        except OSError:
            self.connected = False
            raise
        if not more:
            self.connected = False
            raise ConnectionResetError("The broker closed the connection.")
        self.pending += more

    def read_frame(self, unpack: Any = None) -> Frame:  # noqa: ARG002 - py-amqp's signature
        """The next frame, in py-amqp's form."""
        while (end := _frame_end(self.pending, 0)) == 0:
            self.fill()
        kind, number, size = _HEAD(self.pending)
        payload = self.pending[_HEAD_BYTES : _HEAD_BYTES + size]
        self.pending = self.pending[end:]
        return kind, number, payload


def _frame_end(data: bytes, start: int) -> int:
    """End of the frame at `start`, or 0 if the frame is incomplete."""
    if len(data) < start + _HEAD_BYTES:
        return 0
    end = start + _HEAD_BYTES + int(_HEAD(data, start)[2]) + 1
    if len(data) < end:
        return 0
    if data[end - 1] != _FRAME_END:
        raise amqp.UnexpectedFrame(f"A frame ends in {data[end - 1]:#04x}, not in 0xce.")
    return end


class StationChannel(amqp.Channel):
    """A channel that delivers every message, even with unreadable properties."""

    #: Error in the properties of the message that py-amqp is reading.
    unreadable: dict[str, Any] | None = None
    receive: Receive
    _queue: str
    _consumer: str

    def consume(self, queue: str, receive: Receive, *, prefetch: int) -> None:
        """Pass each message of the queue to `receive`, with at most `prefetch` unacknowledged ones."""
        self._queue, self.receive = queue, receive
        # Keep bodies as bytes: py-amqp would decode them with whatever encoding a station names.
        self.auto_decode = False
        self.basic_qos(0, prefetch, a_global=False)
        self._consumer = self.basic_consume(queue, callback=self._receive_slowly, no_ack=False)

    def consume_again(self, prefetch: int) -> None:
        """Continue with another prefetch, without waiting for the broker. Unacknowledged messages stay that way."""
        self.basic_cancel(self._consumer, nowait=True)
        # The broker handles calls of one channel in order, and a prefetch limit applies to consumers created after it.
        self.send_method(spec.Basic.Qos, "lBb", (0, prefetch, False))
        self._consumer = f"{self._consumer}+"
        self.basic_consume(self._queue, self._consumer, nowait=True, callback=self._receive_slowly)

    def messages_ready(self) -> int:
        """Number of messages that the queue reports as ready. Waits for the answer."""
        declared = self.queue_declare(self._queue, passive=True)
        return int(declared[1]) if declared else 0

    def dispatch_method(self, method_sig: tuple[int, int], payload: bytes, content: Any) -> Any:
        """Dispatch like py-amqp, but replace each non-ASCII byte of an invalid routing key with a question mark."""
        try:
            return super().dispatch_method(method_sig, payload, content)
        except UnicodeDecodeError:
            # The payload is method, consumer tag, delivery tag, redelivered, exchange, routing key.
            names = 4 + 1 + payload[4] + 8 + 1
            return super().dispatch_method(method_sig, payload[:names] + _plain(payload[names:]).encode(), content)

    def _receive_slowly(self, message: Any) -> None:
        """Pass on a message that py-amqp has assembled."""
        info, properties = message.delivery_info, message.properties
        if self.unreadable is not None:
            properties, self.unreadable = self.unreadable, None
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        delivery = Delivery(info["exchange"], info["routing_key"], properties, body)
        self.receive(info["delivery_tag"], info["redelivered"], delivery)


class StationConnection(amqp.Connection):
    """A connection for reading messages of stations."""

    Channel = StationChannel

    #: The open channels by number, maintained by py-amqp.
    channels: dict[int, StationChannel]
    transport: BurstTransport

    def __init__(self, **options: Any) -> None:
        super().__init__(frame_handler=_frame_handler, **options)

    def Transport(  # noqa: N802 - py-amqp's name and signature
        self,
        host: str,
        connect_timeout: float | None,
        ssl: bool | dict[str, Any] = False,  # noqa: FBT001, FBT002 - as above
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        socket_settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> BurstTransport:
        """The transport that reads in bursts. It does not support TLS: ingest runs next to its broker."""
        if ssl:
            raise ValueError("Ingest reads the broker without TLS, on the same machine or a private network.")
        return BurstTransport(
            host,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
            socket_settings=socket_settings,
            **options,
        )

    def station_channel(self) -> StationChannel:
        """Open a channel."""
        channel = self.channel()
        if not isinstance(channel, StationChannel):
            raise TypeError(f"py-amqp made a {type(channel).__name__}")
        return channel

    def drain_burst(self) -> None:
        """Read once, unless a complete frame is pending, and pass on all complete messages.

        Raises `TimeoutError` if nothing arrived within the socket's timeout.
        """
        transport = self.transport
        if _frame_end(transport.pending, 0) == 0:
            transport.fill()
        data, transport.pending = transport.pending, b""
        self.bytes_recv += 1
        start = 0
        try:
            while (end := _frame_end(data, start)) != 0:
                after = self._take_delivery(data, start, end)
                if after == 0:
                    kind, number, size = _HEAD(data, start)
                    after = end
                    self.on_inbound_frame((kind, number, data[start + _HEAD_BYTES : start + _HEAD_BYTES + size]))
                start = after
        finally:
            transport.pending = data[start:] + transport.pending

    def _take_delivery(self, data: bytes, start: int, end: int) -> int:
        """Pass on the delivery at `start` if it is complete and simple; return its end, or 0 to leave it to py-amqp."""
        body_at = start + _HEAD_BYTES
        if data[start] != _METHOD_FRAME or data[body_at : body_at + 4] != _DELIVER:
            return 0
        header_end = _frame_end(data, end)
        if header_end == 0 or data[end : end + 3] != b"\x02" + data[start + 1 : start + 3]:
            return 0
        header_at = end + _HEAD_BYTES
        (size,) = unpack_from(">Q", data, header_at + 4)
        after = header_end
        if size:
            after = _frame_end(data, header_end)
            if after - header_end != size + _HEAD_BYTES + 1 or data[header_end] != _BODY_FRAME:
                return 0
        at = body_at + 5 + data[body_at + 4]
        tag, redelivered = _TAG(data, at)
        exchange_end = at + 10 + data[at + 9]
        key_end = exchange_end + 1 + data[exchange_end]
        self.channels[(data[start + 1] << 8) + data[start + 2]].receive(
            tag,
            redelivered != 0,
            Delivery(
                _name(data[at + 10 : exchange_end]),
                _name(data[exchange_end + 1 : key_end]),
                _properties(data[header_at : header_end - 1]),
                data[header_end + _HEAD_BYTES : after - 1] if size else b"",
            ),
        )
        return after


def _properties(header: bytes) -> dict[str, Any]:
    """The properties of a content header; if it is unreadable, the error and its first bytes."""
    properties = usual_properties(header, _FLAGS_AT)
    if properties is not None:
        return properties
    try:
        unusual: dict[str, Any] = _load_properties(header, _FLAGS_AT)[0]
    except _UNREADABLE as error:
        return _unreadable(header, error)
    return unusual


def _unreadable(header: bytes, error: Exception) -> dict[str, Any]:
    why = f"{type(error).__name__}: {error}"[:200]
    return {"unreadable": why, "raw": header[_FLAGS_AT : _FLAGS_AT + _KEPT].hex()}


def _frame_handler(connection: StationConnection, callback: Callable[..., Any]) -> Callable[[Frame], bool]:
    """py-amqp's frame handler, with unreadable property lists replaced by empty ones."""
    handle: Callable[[Frame], bool] = frame_handler(connection, callback)

    def on_frame(frame: Frame) -> bool:
        try:
            return handle(frame)
        except _UNREADABLE as error:
            kind, number, payload = frame
            if kind != _HEADER_FRAME:
                raise
            connection.channels[number].unreadable = _unreadable(payload, error)
            # Keep class, weight and body size; set no property flags.
            return handle((kind, number, payload[:_FLAGS_AT] + b"\x00\x00"))

    return on_frame


def _name(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _plain(raw)


def _plain(names: bytes) -> str:
    """The bytes as text, with each non-ASCII byte replaced, so that lengths stay the same."""
    return bytes(byte if byte < 0x80 else _QUESTION_MARK for byte in names).decode()
