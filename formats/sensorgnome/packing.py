"""Files as stored on disk: detecting compression by the first bytes, unpacking, and finding damage.

A damaged file is never read past its damage. Deflate reads zero bytes as symbols: a gzip whose end became zeros on the
card unpacks to lines that no receiver heard. So a file that does not unpack to its right checksum is read only up to
the first run of zeros.
"""

import bz2
import lzma
import mmap
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

#: Raw bytes passed at once, and maximum bytes that one step may unpack to.
_PIECE = 4_096
_STEP_MOST = 1_048_576
#: A station's compressed file never contains this many zero bytes in a row.
_HOLE = re.compile(rb"\x00{64,}")
_ZERO_END = re.compile(rb"\x00+\Z")
#: No station writes more text in a file: an hour of the noisiest antenna is a hundredth of it.
TEXT_MOST = 1 << 30

_CHECKSUM = "Its checksum is wrong."
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"LZIP\x01", "lzip"))
_UNREADABLE = (
    (b"PK\x03\x04", "It is a zip archive: unpack it, or send it with station-agent replay."),
    (b"\x28\xb5\x2f\xfd", "It is compressed with zstd, which cannot be read here."),
    (b"7z\xbc\xaf\x27\x1c", "It is a 7z archive: unpack it so that its files are read."),
    (b"Rar!", "It is a rar archive: unpack it so that its files are read."),
    (b"\x1f\x9d", "It is compressed with compress, which cannot be read here."),
)


def packing_of(head: bytes) -> str:
    """The compression shown by a file's first bytes; empty for plain text."""
    for magic, packing in _MAGIC:
        if head.startswith(magic):
            return packing
    return ""


def unreadable_reason(head: bytes) -> str:
    """Why a file with these first bytes cannot be read, or empty."""
    for magic, reason in _UNREADABLE:
        if head.startswith(magic):
            return reason
    return ""


class Damaged(Exception):
    """The file does not unpack further; `at` is the raw byte from which nothing could be read."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.at = at


class Checked(NamedTuple):
    """The result of scanning the whole file.

    At most `limit` raw bytes are read; the last `lost` bytes of the file can never be. From `fine_from` on, the file is
    unpacked byte by byte, to recover everything before the damage.
    """

    damage: str = ""
    limit: int = 0
    lost: int = 0
    fine_from: int = 1 << 62


class _Unpacker(Protocol):
    """One member of a compressed file."""

    @property
    def eof(self) -> bool:
        """Whether the member is at its end."""

    @property
    def unused_data(self) -> bytes:
        """The data after the member's end."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The result of unpacking this data."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            found = self._inner.decompress(data, _STEP_MOST)
            if found:
                yield found
            data = self._inner.unconsumed_tail
            if self._inner.eof or (not data and len(found) < _STEP_MOST):
                return


class _Other:
    """bzip2 and xz, whose classes work alike."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            found = self._inner.decompress(data, _STEP_MOST)
            if found:
                yield found
            data = b""
            if self._inner.eof or self._inner.needs_input:
                return


class _Lzip:
    """A member of lzip: a header of 6 bytes, raw LZMA1 (the format before xz), and 20 bytes with checksum and sizes.

    https://www.nongnu.org/lzip/manual/lzip_manual.html#File-format
    """

    def __init__(self) -> None:
        self._head = b""
        self._inner: lzma.LZMADecompressor | None = None
        self._tail = b""
        self._crc = self._size = 0
        self.eof = False
        self.unused_data = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += data
            if len(self._head) < 6:
                return
            code = self._head[5]
            size = 1 << (code & 31)
            size -= size // 16 * (code >> 5)
            if self._head[:5] != b"LZIP\x01" or not 4_096 <= size <= 1 << 26:
                raise lzma.LZMAError("its header is wrong")
            chosen = [{"id": lzma.FILTER_LZMA1, "dict_size": size, "lc": 3, "lp": 0, "pb": 2}]
            self._inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chosen)
            data, self._head = self._head[6:], self._head[:6]
        while not self._inner.eof:
            found = self._inner.decompress(data, _STEP_MOST)
            data = b""
            if found:
                self._crc, self._size = zlib.crc32(found, self._crc), self._size + len(found)
                yield found
            if self._inner.needs_input and not self._inner.eof:
                return
        self._tail += data or (self._inner.unused_data if not self._tail else b"")
        if len(self._tail) >= 20:
            tail, self.unused_data = self._tail[:20], self._tail[20:]
            self.eof = True
            if int.from_bytes(tail[:4], "little") != self._crc or int.from_bytes(tail[4:12], "little") != self._size:
                raise lzma.LZMAError("its checksum is wrong")


def _unpacker(packing: str) -> _Unpacker:
    if packing == "gzip":
        return _Gzip()
    if packing == "lzip":
        return _Lzip()
    return _Other(bz2.BZ2Decompressor() if packing == "bzip2" else lzma.LZMADecompressor(lzma.FORMAT_XZ))


def unpacked(raw: BinaryIO, packing: str, checked: Checked | None = None) -> Iterator[bytes]:
    """The text of a compressed file in pieces, member after member. Raises `Damaged` where it unpacks no further."""
    limit = None if checked is None else checked.limit
    fine_from = Checked().fine_from if checked is None else checked.fine_from
    raw.seek(0)
    at, text = 0, 0
    waiting, unpacker = b"", _unpacker(packing)
    while True:
        step = 1 if at >= fine_from else min(_PIECE, fine_from - at)
        piece = waiting or raw.read(step if limit is None else min(step, limit - at))
        if not waiting:
            at += len(piece)
        waiting = b""
        if not piece:
            raise Damaged("It ends too early.", at)
        try:
            for found in unpacker.feed(piece):
                text += len(found)
                if text > TEXT_MOST:
                    raise Damaged("It unpacks to more than a station ever writes.", at)
                yield found
        except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
            raise Damaged(_say(error), at - len(piece)) from error
        if not unpacker.eof:
            continue
        waiting = unpacker.unused_data
        waiting += raw.read(_PIECE if limit is None else min(_PIECE, limit - at)) if len(waiting) < 8 else b""
        at = raw.tell()
        if not waiting.strip(b"\x00"):
            if _rest_is_zeros(raw, limit, at):
                return
            raise Damaged("There is something behind its end.", at)
        if packing_of(waiting) != packing:
            raise Damaged("There is something behind its end.", at - len(waiting))
        unpacker = _unpacker(packing)


def _rest_is_zeros(raw: BinaryIO, limit: int | None, at: int) -> bool:
    """Whether only padding is left."""
    while piece := raw.read(65_536 if limit is None else min(65_536, limit - at)):
        at += len(piece)
        if piece.strip(b"\x00"):
            return False
    return True


def _say(error: Exception) -> str:
    text = str(error)
    if "incorrect data check" in text or "checksum" in text or "incorrect length check" in text:
        return _CHECKSUM
    return f"It does not unpack: {text[:120]}."


def packed_check(raw: BinaryIO, packing: str) -> Checked:
    """Scan a compressed file once, and a second time if it is damaged."""
    try:
        for _ in unpacked(raw, packing):
            pass
    except Damaged as error:
        reason = str(error)
    else:
        return Checked("", raw.seek(0, 2), 0)
    size = raw.seek(0, 2)
    hole, end = _hole_find(raw)
    limit = size if hole is None else hole
    if hole is not None:
        reason = f"{end - hole} zero bytes stand where data should be."
    coarse = _end_find(raw, packing, Checked(reason, limit))
    checked = Checked(reason, limit, 0, max(coarse - _PIECE, 0))
    end = _end_find(raw, packing, checked)
    return checked._replace(lost=0 if reason == _CHECKSUM else size - min(end, limit))


def _end_find(raw: BinaryIO, packing: str, checked: Checked) -> int:
    """The raw byte up to which a damaged file unpacks."""
    try:
        for _ in unpacked(raw, packing, checked):
            pass
    except Damaged as error:
        return error.at
    return checked.limit


def _hole_find(raw: BinaryIO) -> tuple[int | None, int]:
    """Start and end of the first long run of zero bytes, or of a short one at the end."""
    try:
        data: mmap.mmap | bytes = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        raw.seek(0)
        data = raw.read()
    match = _HOLE.search(data) or _ZERO_END.search(data)
    span = match.span() if match else (None, 0)
    # The file cannot be unmapped while a match refers to it.
    del match
    if isinstance(data, mmap.mmap):
        data.close()
    return span


def zeros_count(raw: BinaryIO) -> int:
    """Number of zero bytes in a plain file; a station writes none."""
    raw.seek(0)
    count = 0
    while piece := raw.read(1_048_576):
        count += piece.count(b"\x00")
    return count
