"""AMQP properties as raw bytes, for messages that no client library would send."""

import struct
from typing import Any

import pika

HEADERS_FLAG, MESSAGE_ID_FLAG = 0x2000, 0x0080


class RawProperties(pika.BasicProperties):
    """A property list given as flags and bytes."""

    def __init__(self, flags: int, raw: bytes) -> None:
        super().__init__()
        self._raw = struct.pack(">H", flags) + raw

    def encode(self) -> list[bytes]:
        """The bytes that pika puts after the body's size."""
        return [self._raw]


def headers(table: bytes) -> RawProperties:
    """Only headers; `table` is their content."""
    return RawProperties(HEADERS_FLAG, struct.pack(">I", len(table)) + table)


def entry(name: bytes, kind: bytes, value: bytes) -> bytes:
    """One entry of a table."""
    return struct.pack(">B", len(name)) + name + kind + value


def message_id(raw: bytes) -> RawProperties:
    """Only a message id, of any bytes."""
    return RawProperties(MESSAGE_ID_FLAG, struct.pack(">B", len(raw)) + raw)


def nested(depth: int, name: bytes = b"n") -> bytes:
    """An entry that contains a table that contains a table …"""
    table = b""
    for _ in range(depth):
        table = entry(b"n", b"F", struct.pack(">I", len(table)) + table)
    return entry(name, b"F", struct.pack(">I", len(table)) + table)


def publish(channel: Any, exchange: str, key: str | bytes, body: bytes, properties: pika.BasicProperties) -> None:
    """Publish without pika's checks of text."""
    channel.basic_publish(exchange, key, body, properties, mandatory=True)
