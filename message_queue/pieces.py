"""Files over AMQP: a station announces a file, sends its bytes in pieces, and the server answers how much it has.

    station ──`upload`: path, size, SHA-256────────▶ inbound.files ──▶ server
       ◀──an answer: id of the upload, its offset──── direct reply-to ────┘
       ──`upload.piece`: id, offset, bytes─────────▶ inbound.files ──▶ server
       ◀──an answer: the offset; at the end `stored`, `known` or the reason why not

These are not message kinds: they have no number in a stream and reach neither the ledger nor quarantine. Losing one
costs no data, because the file stays on the station until the server answers that it is stored.
"""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from message_queue.contracts.base import Count, Seconds
from message_queue.contracts.manifest import Digest, HeldPath
from message_queue.errors import MessageRefused

#: Routing keys, and the queue to which both lead. It has one reader at a time, so that pieces stay in order.
ASK_KEY, PIECE_KEY = "upload", "upload.piece"
FILES_QUEUE = "inbound.files"
#: The pseudo-queue of RabbitMQ's direct reply-to, and the beginning of the addresses that the broker makes from it.
REPLY_TO = "amq.rabbitmq.reply-to"
REPLY_MARK = f"{REPLY_TO}."
#: Maximum bytes of one piece, so that it fits one frame, and of the pieces that may wait for an answer.
PIECE_MOST = 131_000
WINDOW = 8 * PIECE_MOST
_ANSWER_MOST = 4_096
_ID_MOST = 64

State = Literal["open", "again", "later", "stored", "known", "changed", "refused"]


class UploadAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that the station is about to send or resume; path, size and SHA-256 identify it.

    Every answer to it and to its pieces repeats `turn`, by which the sender recognises late answers.
    """

    path: HeldPath
    size: Count
    sha256: Digest
    modified: Seconds | None = None
    turn: Count = 0


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far an upload is.

    `open`: the server has `offset` bytes of it. `again`: ask again, pieces are missing or the upload has expired.
    `later`: the server cannot take it now. `stored`, `known`: the server has the whole file. `changed`: the bytes are
    not those announced. `refused`: the server does not take this file. `later`, `changed`, `refused` have a reason.
    """

    turn: Count = 0
    state: State
    upload: Annotated[str, Meta(max_length=_ID_MOST)] = ""
    offset: Count = 0
    reason: Annotated[str, Meta(max_length=500)] = ""


class FilePiece(NamedTuple):
    """Bytes of an upload from this offset on. An empty piece ends the upload and discards the bytes that arrived."""

    turn: int
    upload: str
    offset: int
    body: bytes


def asked_decode(body: bytes) -> UploadAsked:
    """The announcement of a file. Raises `MessageRefused`."""
    try:
        return msgspec.json.decode(body, type=UploadAsked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageRefused("bad-fields", f"The file cannot be announced like this: {str(error)[:200]}.") from error


def piece_headers(*, turn: int, upload: str, offset: int) -> dict[str, Any]:
    """The headers of a piece."""
    return {"turn": turn, "upload": upload, "offset": offset}


def piece_read(headers: dict[str, Any], body: bytes) -> FilePiece:
    """A piece from its headers and its body. Raises `MessageRefused`."""
    upload, offset, turn = (headers.get(name, 0) for name in ("upload", "offset", "turn"))
    is_right = isinstance(upload, str) and len(upload) <= _ID_MOST and type(offset) is int and type(turn) is int
    if not is_right or min(offset, turn) < 0:
        raise MessageRefused("bad-envelope", "A piece of a file needs the headers `upload`, `offset` and `turn`.")
    if len(body) > PIECE_MOST:
        raise MessageRefused("too-large", f"A piece of a file has at most {PIECE_MOST:,} bytes.")
    return FilePiece(turn, upload, offset, body)


def answer_decode(body: bytes) -> UploadAnswer | None:
    """An answer from the server; None for one that this agent does not understand."""
    if len(body) > _ANSWER_MOST:
        return None
    try:
        return msgspec.json.decode(body, type=UploadAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
