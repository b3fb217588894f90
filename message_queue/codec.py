"""Encoding and decoding of messages: the only place where they are read or written.

Everything that a station sends is untrusted. Size, compression ratio, depth, counts and string lengths are limited
here; anything over a limit raises `MessageRefused` with a reason for filters and a sentence for people.
"""

import gzip
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard

import msgspec

from message_queue import contracts
from message_queue.contracts.base import Contract
from message_queue.errors import MessageRefused
from message_queue.left_out import LeftOut
from message_queue.routing import kind_of_key, serial_of_user
from message_queue.unpacking import structure_check, unpacked

#: Smallest body, in bytes, for which a gzip header pays off.
COMPRESS_FROM = 512

_SEQUENCE_MOST = 9_000_000_000_000_000_000
_STREAM = re.compile(r"[A-Za-z0-9:._-]{1,64}\Z")
_RUN = re.compile(r"[A-Za-z0-9]{1,16}\Z")
_JSON_TYPES = frozenset(
    {
        *("", "application/json", "application/senml+json", "application/sensml+json"),
        *("text/plain", "application/octet-stream"),
    }
)
_encoder = msgspec.json.Encoder()


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The validated AMQP properties and headers of a message.

    `stream` and `seq` identify the message permanently; both are None for a client that does not number messages.
    `oldest` is the lowest sequence number still on the station, `next` the one it will assign next. `run` names the
    run of the agent, from start to stop, that wrote the message, and `since` is the first number of that run.
    """

    kind: str
    version: int = 1
    stream: str | None = None
    seq: int | None = None
    oldest: int | None = None
    next: int | None = None
    run: str = ""
    since: int = 0
    agent: str = ""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A decoded message: its envelope, its contract and its typed body."""

    envelope: Envelope
    contract: Contract
    body: Any
    #: Bytes of the uncompressed body.
    size: int = 0
    #: The parts that did not fit and were left out; None if everything fit. See `message_queue.intake`.
    left_out: LeftOut | None = None
    #: Fields that the contract does not know, as sent, by path.
    also_said: dict[str, Any] = {}


@cache
def _decoder(kind: str, *, is_usual: bool) -> msgspec.json.Decoder[Any]:
    contract = contracts.contracts()[kind]
    return msgspec.json.Decoder(contract.usual if is_usual else contract.body)


def encode(body: Any, *, compress: bool = True, compress_from: int = COMPRESS_FROM) -> tuple[bytes, str | None]:
    """The body as bytes, and its content encoding: `gzip` if that is shorter, otherwise None."""
    raw = _encoder.encode(body)
    if compress and len(raw) >= compress_from:
        packed = gzip.compress(raw, 6, mtime=0)
        if len(packed) < len(raw):
            return packed, "gzip"
    return raw, None


def headers(
    *, version: int, stream: str, seq: int, oldest: int, next_seq: int, run: str = "", since: int = 0
) -> dict[str, Any]:
    """The AMQP headers of a numbered message; `run` and `since` only if the agent's run is known."""
    fields: dict[str, Any] = {"v": version, "stream": stream, "seq": seq, "oldest": oldest, "next": next_seq}
    return {**fields, "run": run, "since": since} if run else fields


def decode(properties: Mapping[str, Any], routing_key: str, serial: str, raw: bytes) -> Decoded:
    """Decode one message of the station `serial`.

    `properties` are the AMQP properties by protocol name, with the headers under `headers` or `application_headers`.
    Raises `MessageRefused`.
    """
    envelope, contract = envelope_read(properties, routing_key, serial)
    plain = body_unpack(properties, raw)
    return decoded_of(envelope, contract, body_decode(contract, plain), plain, serial)


def envelope_read(properties: Mapping[str, Any], routing_key: str, serial: str) -> tuple[Envelope, Contract]:
    """The envelope and contract of a message, without reading its body; cheap. Raises `MessageRefused`."""
    envelope = _envelope(properties, routing_key, serial)
    contract = contracts.contracts().get(envelope.kind)
    if contract is None:
        raise MessageRefused("unknown-kind", f"Unknown message kind {envelope.kind[:64]!r}.")
    if envelope.version > contract.version:
        raise MessageRefused(
            "future-version",
            f"Version {envelope.version} of {envelope.kind} is newer than this server knows ({contract.version}).",
        )
    return envelope, contract


def body_unpack(properties: Mapping[str, Any], raw: bytes) -> bytes:
    """The uncompressed body. Raises `MessageRefused`."""
    return unpacked(raw, str(properties.get("content_encoding") or ""))


def decoded_of(envelope: Envelope, contract: Contract, body: Any, plain: bytes, serial: str) -> Decoded:
    """Build the message after checking its sender. Clients that cannot set headers number it in the body."""
    sender = contract.sender(body, plain)
    # Serials are case-insensitive. The name is used for nothing else.
    if sender.stations and (others := [name for name in sender.stations if name.lower() != serial.lower()]):
        raise MessageRefused("wrong-sender", f"The body claims to be from station {min(others)!r}.")
    if envelope.stream is None and sender.stream is not None and sender.seq is not None:
        envelope = msgspec.structs.replace(envelope, stream=_stream_check(sender.stream), seq=sender.seq)
    return Decoded(envelope, contract, body, len(plain))


def _envelope(properties: Mapping[str, Any], routing_key: str, serial: str) -> Envelope:
    if "unreadable" in properties:
        # AMQP has no such property: `workers.consumers.frames` puts it there.
        raise MessageRefused("bad-properties", f"The message's properties cannot be read ({properties['unreadable']}).")
    user = properties.get("user_id")
    if user and serial_of_user(str(user)) != serial:
        raise MessageRefused("wrong-sender", f"The message claims to be from {str(user)[:64]!r}, not from {serial}.")
    key = kind_of_key(routing_key)
    kind = properties.get("type") or key
    if not isinstance(kind, str):
        raise MessageRefused("bad-envelope", "The message's type is not text.")
    if kind != key and key in contracts.contracts():
        raise MessageRefused(
            "bad-envelope", f"The type says {kind[:64]!r} but the routing key says {routing_key!r}; they must agree."
        )
    content_type = str(properties.get("content_type") or "").partition(";")[0].strip().lower()
    if content_type not in _JSON_TYPES:
        raise MessageRefused("content-type", f"Content type {content_type[:64]!r} is not supported; send JSON.")
    fields = properties.get("headers") or properties.get("application_headers") or {}
    if not fields:
        return Envelope(kind=kind)
    if len(fields) > 64:
        raise MessageRefused("bad-envelope", f"The message has {len(fields)} headers; the limit is 64.")
    stream, seq = fields.get("stream"), _whole(fields, "seq")
    if (stream is None) != (seq is None):
        raise MessageRefused("bad-envelope", "A message must have both headers 'stream' and 'seq', or neither.")
    oldest, upcoming = _whole(fields, "oldest"), _whole(fields, "next")
    version = _whole(fields, "v")
    if version is not None and not 1 <= version <= 1_000_000:
        raise MessageRefused("bad-envelope", f"Header 'v' is {version}; it must be a whole number from 1 to 1000000.")
    run, since = fields.get("run"), _whole(fields, "since")
    if (run is None) != (since is None) or not (run is None or (isinstance(run, str) and _RUN.match(run))):
        raise MessageRefused(
            "bad-envelope", "A message must have both headers 'run' (1 to 16 letters or digits) and 'since', or none."
        )
    return Envelope(
        kind=kind,
        version=version or 1,
        stream=None if stream is None else _stream_check(stream),
        seq=seq,
        oldest=oldest,
        next=upcoming,
        run=run or "",
        since=since or 0,
        agent=str(properties.get("app_id") or "")[:64],
    )


def stream_is_valid(stream: object) -> TypeGuard[str]:
    """Whether this is a valid stream name."""
    return isinstance(stream, str) and _STREAM.match(stream) is not None


def _stream_check(stream: object) -> str:
    if not stream_is_valid(stream):
        raise MessageRefused(
            "bad-envelope", "Header 'stream' must be 1 to 64 letters, digits, colons, dots, underscores or hyphens."
        )
    return stream


def _whole(fields: Mapping[str, Any], name: str) -> int | None:
    """A header that must be a whole number (`seq` and `since` from 1, others from 0), or None if absent."""
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not (1 if name in ("seq", "since") else 0) <= value <= _SEQUENCE_MOST:
        shown = repr(str(value)[:40]) if isinstance(value, int | float | str) else type(value).__name__
        raise MessageRefused("bad-envelope", f"Header {name!r} is {shown}; it must be a whole number in range.")
    return value


def body_decode(contract: Contract, raw: bytes, *, is_usual: bool = False) -> Any:
    """Decode the body strictly, by its usual type if asked. Raises `MessageRefused` if any part does not fit."""
    if b"\x00" in raw or (b"\\" in raw and b"\\u0000" in raw):
        raise MessageRefused("bad-text", "The body contains a NUL character, which the database cannot store.")
    structure_check(raw)
    try:
        body = _decoder(contract.kind, is_usual=is_usual).decode(raw)
    except RecursionError as error:
        raise MessageRefused("too-deep", "The body is nested too deeply.") from error
    except msgspec.ValidationError as error:
        raise MessageRefused("bad-fields", f"The body does not fit {contract.kind}: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise MessageRefused("bad-json", f"The body is not JSON: {error}.") from error
    contract.check(body)
    if not is_usual:
        contract.raw_check(raw)
    return body
