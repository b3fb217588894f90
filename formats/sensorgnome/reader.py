"""Reading data files in whole lines, plain or compressed, from where the last reading ended.

Offsets count bytes of the uncompressed text, so that a file keeps its position when the station compresses it.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from formats.sensorgnome.names import packed_end_cut
from formats.sensorgnome.packing import (
    Checked,
    Damaged,
    packed_check,
    packing_of,
    unpacked,
    unreadable_reason,
    zeros_count,
)

#: A chunk of lines becomes at most one message of each kind; this is part of the rule that numbers replayed files.
CHUNK_BYTES = 65_536
CHUNK_LINES = 1_000
#: Bytes kept from the beginning of a line that is longer than a chunk.
_LONG_LINE_KEPT = 256


class Unreadable(Exception):
    """Nothing of the file can be read; the message gives the reason as a sentence."""


class Chunk(NamedTuple):
    """Whole lines without their line feed. `offset` is where the next chunk begins.

    `ended` when there is nothing more except `rest`, the beginning of an incomplete line; `rest_bytes` is its
    whole length. `zeros` are zero bytes in place of lines; `passed` bytes were dropped from a line that is too long.
    `damage` says how a compressed file is broken after the part that could be read.
    """

    lines: list[bytes]
    offset: int
    ended: bool
    rest: bytes = b""
    rest_bytes: int = 0
    damage: str = ""
    zeros: int = 0
    passed: int = 0


class LineReader:
    """One open data file, or a snapshot of its bytes. Raises `Unreadable` for anything that is not text."""

    def __init__(self, path: Path, snapshot: bytes | None = None, *, checked: Checked | None = None) -> None:
        self.path = path
        self._raw: BinaryIO = path.open("rb") if snapshot is None else io.BytesIO(snapshot)
        try:
            head = self._raw.read(16)
            self.packing = packing_of(head)
            reason = unreadable_reason(head)
        except BaseException:
            self._raw.close()
            raise
        if reason:
            self._raw.close()
            raise Unreadable(reason)
        #: A plain file with a compression suffix: reported as damage, because nobody intended that.
        self.is_misnamed = bool(head) and not self.packing and packed_end_cut(path.name) != path.name
        self.checked = checked
        self._begin()

    @property
    def compressed(self) -> bool:
        """Whether the text must be unpacked."""
        return bool(self.packing)

    def check(self) -> Checked:
        """Scan the whole file for damage, once; a damaged file is read up to the damage."""
        if self.checked is None:
            if self.packing:
                self.checked = packed_check(self._raw, self.packing)
            else:
                size, zeros = self._raw.seek(0, 2), zeros_count(self._raw)
                self.checked = Checked(self._plain_damage(size, zeros), size)
            self._begin()
        return self.checked

    def _plain_damage(self, size: int, zeros: int) -> str:
        if zeros and zeros == size:
            return f"It contains only {zeros} zero bytes."
        held = f"It contains {zeros} zero bytes." if zeros else ""
        return f"It is named as compressed but is plain text. {held}".strip() if self.is_misnamed else held

    def _begin(self) -> None:
        self._raw.seek(0)
        self._at, self._ahead, self._damage = 0, b"", ""
        self._pieces: Iterator[bytes] = unpacked(self._raw, self.packing, self.checked) if self.packing else iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def head(self, size: int) -> bytes:
        """The first bytes of the text, which distinguish a file from another that took its name."""
        self._go_to(0)
        found = self._fill(size)
        return found[:size]

    def pieces(self) -> Iterator[bytes]:
        """The whole text from its beginning, in pieces."""
        self._go_to(0)
        while self._fill(1):
            piece, self._ahead = self._ahead, b""
            self._at += len(piece)
            yield piece

    def text_measure(self, offset: int) -> int:
        """The length of the text, measured from `offset` on; a shorter plain file counts as `offset` bytes."""
        self._go_to(offset)
        length = self._at
        while self._fill(1):
            length += len(self._ahead)
            self._at, self._ahead = length, b""
        return length

    def chunk(self, offset: int) -> Chunk:
        """The lines from `offset` on, up to the bounds of a chunk."""
        self._go_to(offset)
        text = self._fill(CHUNK_BYTES)
        if text.startswith(b"\x00"):
            return self._zeros(offset)
        window = text[:CHUNK_BYTES]
        end = window.rfind(b"\n") + 1
        if end == 0:
            return self._long_line(offset) if len(text) >= CHUNK_BYTES else self._last(offset, window)
        lines = window[:end].split(b"\n")[:-1]
        if len(lines) > CHUNK_LINES:
            lines = lines[:CHUNK_LINES]
            end = sum(map(len, lines)) + len(lines)
        self._ahead = text[end:]
        self._at = offset + end
        more = self._fill(CHUNK_BYTES)
        if len(more) >= CHUNK_BYTES or b"\n" in more:
            return Chunk(lines, self._at, False)
        return Chunk(lines, self._at, True, more[:_LONG_LINE_KEPT], len(more), self._damage)

    def _last(self, offset: int, rest: bytes) -> Chunk:
        """The remainder at the end of the file: nothing, or an incomplete line."""
        return Chunk([], offset, True, rest[:_LONG_LINE_KEPT], len(rest), self._damage)

    def _zeros(self, offset: int) -> Chunk:
        """Skip zero bytes where a line should begin, left by a power cut. Good lines may follow."""
        length = 0
        while text := self._fill(CHUNK_BYTES):
            kept = text.lstrip(b"\x00")
            length += len(text) - len(kept)
            self._ahead = kept
            if kept:
                break
        self._at = offset + length
        return Chunk([], self._at, not self._ahead, damage=self._damage, zeros=length)

    def _long_line(self, offset: int) -> Chunk:
        """Represent a line longer than a chunk by its beginning and skip the rest."""
        kept = self._ahead[:_LONG_LINE_KEPT]
        length = 0
        while self._fill(CHUNK_BYTES):
            end = self._ahead.find(b"\n")
            if end >= 0:
                self._ahead = self._ahead[end + 1 :]
                length += end + 1
                self._at = offset + length
                return Chunk([kept], self._at, False, passed=length - len(kept) - 1)
            length += len(self._ahead)
            self._at, self._ahead = offset + length, b""
        return Chunk([], offset, True, kept, length, self._damage)

    def _fill(self, size: int) -> bytes:
        """Read ahead until `size` bytes are available or the file ends; return the available bytes."""
        while len(self._ahead) < size and not self._damage:
            piece = self._read(max(size - len(self._ahead), CHUNK_BYTES))
            if not piece:
                break
            self._ahead += piece
        return self._ahead

    def _read(self, size: int) -> bytes:
        if not self.packing:
            return self._raw.read(size)
        try:
            return next(self._pieces, b"")
        except Damaged as error:
            self._damage = self.checked.damage if self.checked and self.checked.damage else str(error)
        return b""

    def _go_to(self, offset: int) -> None:
        if offset == self._at:
            return
        if not self.packing:
            self._raw.seek(offset)
            self._at, self._ahead = offset, b""
            return
        if offset < self._at:
            self._begin()
        while self._at < offset and self._fill(1):
            step = min(offset - self._at, len(self._ahead))
            self._at += step
            self._ahead = self._ahead[step:]
