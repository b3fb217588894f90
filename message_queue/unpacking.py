"""Bodies without their compression: bounded by a size, by a ratio to what was sent, and by what the body says itself.

A body that says how long it is unpacked is held to its word, so that its price is known before it is paid.
"""

import zlib

from message_queue.contracts.base import MAX_BODY_BYTES, MAX_ROWS, MAX_WIRE_BYTES
from message_queue.errors import MessageRefused

#: A body may unpack to this many times what was sent. Our own stay below 40; what is beyond was made to cost us.
RATIO_MOST = 100
#: Up to here, in bytes, the ratio does not matter: the shortest bodies are mostly repetition.
RATIO_FREE_BYTES = 65_536
#: Objects and values in one body. A row needs no more than 3 and 40 of them, and each costs a microsecond to make.
OBJECTS_MOST, VALUES_MOST = 3 * MAX_ROWS, 40 * MAX_ROWS
#: What is shorter cannot hold too much to matter.
_COUNTED_FROM = 16_384
_GZIP_SHORTEST = 18


def size_said(raw: bytes, encoding: str) -> int:
    """The bytes to which a body unpacks by its own word; the most that it may where it says nothing, or says too much."""
    if encoding == "gzip" and len(raw) >= _GZIP_SHORTEST:
        return min(int.from_bytes(raw[-4:], "little"), _most(raw))
    if encoding == "zstd":
        # Imported here because the agent is installed without it: gzip is in the standard library, zstd is not.
        import zstandard  # noqa: PLC0415

        try:
            said = zstandard.frame_content_size(raw)
        except zstandard.ZstdError:
            return len(raw)
        return min(said, _most(raw)) if said >= 0 else _most(raw)
    return len(raw)


def unpacked(raw: bytes, encoding: str) -> bytes:
    """The body without its compression. Raises `MessageRefused` as soon as it is longer than it may be."""
    if len(raw) > MAX_WIRE_BYTES:
        raise MessageRefused("too-large", f"The body has {len(raw)} bytes; {MAX_WIRE_BYTES} is the most.")
    if not encoding or encoding == "identity":
        return raw
    if encoding == "gzip":
        return _gunzipped(raw)
    if encoding == "zstd":
        return _unzstd(raw)
    raise MessageRefused("content-encoding", f"Content encoding {encoding[:32]!r} is not taken; use gzip or zstd.")


def structure_check(body: bytes) -> None:
    """Refuse a body with more objects or values than any message needs, before they are made."""
    if len(body) < _COUNTED_FROM:
        return
    # Braces and commas inside of texts count as well: that is the price of a count without reading.
    if (objects := body.count(b"{")) > OBJECTS_MOST:
        raise MessageRefused("too-many-values", f"The body has {objects} objects; {OBJECTS_MOST} is the most.")
    if (values := body.count(b",")) > VALUES_MOST:
        raise MessageRefused("too-many-values", f"The body has {values} values; {VALUES_MOST} is the most.")


def _most(raw: bytes) -> int:
    return min(MAX_BODY_BYTES, max(RATIO_MOST * len(raw), RATIO_FREE_BYTES))


def _too_large(raw: bytes, most: int) -> MessageRefused:
    if most == MAX_BODY_BYTES:
        return MessageRefused("too-large", f"The body unpacks to more than {most} bytes.")
    return MessageRefused(
        "too-large",
        f"The body of {len(raw)} bytes unpacks to more than {most}: "
        f"{RATIO_MOST} times what is sent is the most, or {RATIO_FREE_BYTES} bytes.",
    )


def _gunzipped(raw: bytes) -> bytes:
    unpacker, most = zlib.decompressobj(wbits=31), _most(raw)
    # zlib compares the length at the end of the body with what it unpacked.
    said = size_said(raw, "gzip")
    try:
        body = unpacker.decompress(raw, said + 1)
    except zlib.error as error:
        raise MessageRefused("bad-compression", f"The gzip body is damaged: {error}.") from error
    if len(body) > said:
        raise _too_large(raw, most) if said == most else _lied("gzip", said)
    if not unpacker.eof:
        raise MessageRefused("bad-compression", "The gzip body ends too early.")
    if unpacker.unused_data:
        raise MessageRefused("bad-compression", "There is something behind the gzip body.")
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
        raise _too_large(raw, most) if said == most else _lied("zstd", said)
    if len(body) < said < most:
        raise MessageRefused("bad-compression", "The zstd body ends too early.")
    return body


def _lied(encoding: str, said: int) -> MessageRefused:
    return MessageRefused("bad-compression", f"The {encoding} body says {said} bytes and unpacks to more.")
