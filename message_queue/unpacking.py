"""Decompression of bodies, limited by size, by compression ratio, and by the size that the body itself declares.

A body that unpacks to more than its declared size is refused, so the cost of reading is known in advance.
"""

import zlib

from message_queue.contracts.base import MAX_BODY_BYTES, MAX_ROWS, MAX_WIRE_BYTES
from message_queue.errors import MessageRefused

#: Maximum compression ratio. Our agents' bodies stay below 40; anything above the limit is hostile.
RATIO_MOST = 100
#: Up to this unpacked size, in bytes, any ratio is accepted: short bodies can be mostly repetition.
RATIO_FREE_BYTES = 65_536
#: Maximum objects and values in one body. A row needs at most 3 and 40 of them; creating each costs a microsecond.
OBJECTS_MOST, VALUES_MOST = 3 * MAX_ROWS, 40 * MAX_ROWS
#: Shorter bodies are not counted: they cannot hold too many values.
_COUNTED_FROM = 16_384
_GZIP_SHORTEST = 18


def size_said(raw: bytes, encoding: str) -> int:
    """The unpacked size that a body declares, capped at the limit; the limit if it declares none."""
    if encoding == "gzip" and len(raw) >= _GZIP_SHORTEST:
        return min(int.from_bytes(raw[-4:], "little"), _most(raw))
    if encoding == "zstd":
        # Imported here because agents are installed without zstandard, which is not in the standard library.
        import zstandard  # noqa: PLC0415

        try:
            said = zstandard.frame_content_size(raw)
        except zstandard.ZstdError:
            return len(raw)
        return min(said, _most(raw)) if said >= 0 else _most(raw)
    return len(raw)


def unpacked(raw: bytes, encoding: str) -> bytes:
    """The decompressed body. Raises `MessageRefused` as soon as a limit is exceeded."""
    if len(raw) > MAX_WIRE_BYTES:
        raise MessageRefused("too-large", f"The body has {len(raw)} bytes; the limit is {MAX_WIRE_BYTES}.")
    if not encoding or encoding == "identity":
        return raw
    if encoding == "gzip":
        return _gunzipped(raw)
    if encoding == "zstd":
        return _unzstd(raw)
    raise MessageRefused("content-encoding", f"Content encoding {encoding[:32]!r} is not supported; use gzip or zstd.")


def structure_check(body: bytes) -> None:
    """Raise `MessageRefused` for a body with more objects or values than any message needs, before parsing it."""
    if len(body) < _COUNTED_FROM:
        return
    # Braces and commas inside texts count too, because nothing is parsed here.
    if (objects := body.count(b"{")) > OBJECTS_MOST:
        raise MessageRefused("too-many-values", f"The body has {objects} objects; the limit is {OBJECTS_MOST}.")
    if (values := body.count(b",")) > VALUES_MOST:
        raise MessageRefused("too-many-values", f"The body has {values} values; the limit is {VALUES_MOST}.")


def _most(raw: bytes) -> int:
    return min(MAX_BODY_BYTES, max(RATIO_MOST * len(raw), RATIO_FREE_BYTES))


def _too_large(raw: bytes, most: int) -> MessageRefused:
    if most == MAX_BODY_BYTES:
        return MessageRefused("too-large", f"The body unpacks to more than {most} bytes.")
    return MessageRefused(
        "too-large",
        f"The body of {len(raw)} bytes unpacks to more than {most}: "
        f"the limit is {RATIO_MOST} times its size, or {RATIO_FREE_BYTES} bytes.",
    )


def _gunzipped(raw: bytes) -> bytes:
    unpacker, most = zlib.decompressobj(wbits=31), _most(raw)
    # zlib itself compares the declared size, at the end of the body, with what it unpacked.
    said = size_said(raw, "gzip")
    try:
        body = unpacker.decompress(raw, said + 1)
    except zlib.error as error:
        raise MessageRefused("bad-compression", f"The gzip body is damaged: {error}.") from error
    if len(body) > said:
        raise _too_large(raw, most) if said == most else _size_wrong("gzip", said)
    if not unpacker.eof:
        raise MessageRefused("bad-compression", "The gzip body ends too early.")
    if unpacker.unused_data:
        raise MessageRefused("bad-compression", "There is extra data after the gzip body.")
    return body


def _unzstd(raw: bytes) -> bytes:
    import zstandard  # noqa: PLC0415 - as above

    most, said = _most(raw), size_said(raw, "zstd")
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BODY_BYTES)
        with unpacker.stream_reader(raw, read_across_frames=True) as reader:
            body = reader.read(said + 1)
    except zstandard.ZstdError as error:
        raise MessageRefused("bad-compression", f"The zstd body is damaged: {error}.") from error
    if len(body) > said:
        raise _too_large(raw, most) if said == most else _size_wrong("zstd", said)
    if len(body) < said < most:
        raise MessageRefused("bad-compression", "The zstd body ends too early.")
    return body


def _size_wrong(encoding: str, said: int) -> MessageRefused:
    return MessageRefused("bad-compression", f"The {encoding} body declares {said} bytes but unpacks to more.")
