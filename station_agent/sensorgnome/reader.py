"""Reading data files in whole lines, plain or gzip, from where the last reading ended.

Offsets count bytes of the uncompressed text, so that a file keeps its place when the station compresses it.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

#: A chunk of lines becomes at most one message of each kind; part of the rule behind replayed stream ids.
CHUNK_BYTES = 65_536
CHUNK_LINES = 1_000
#: Bytes of a line's beginning that are kept when the line is longer than a chunk.
_LONG_LINE_KEPT = 256


class Chunk(NamedTuple):
    """Whole lines without their line feed. `offset` is where the next chunk begins.

    `ended` when there is nothing more but `rest`, the beginning of a line whose end is not there; `rest_bytes` is its
    whole length. `damage` says how a gzip file is broken behind what could be read.
    """

    lines: list[bytes]
    offset: int
    ended: bool
    rest: bytes = b""
    rest_bytes: int = 0
    damage: str = ""


class LineReader:
    """One open data file, or its bytes as they were at one moment."""

    def __init__(self, path: Path, snapshot: bytes | None = None) -> None:
        self.path = path
        self.compressed = path.name.endswith(".gz")
        self._raw: BinaryIO = path.open("rb") if snapshot is None else io.BytesIO(snapshot)
        try:
            self._file: BinaryIO | gzip.GzipFile = self._text()
        except OSError:
            self._raw.close()
            raise
        self._at = 0
        self._ahead = b""
        self._damage = ""

    def _text(self) -> BinaryIO | gzip.GzipFile:
        if not self.compressed or self._raw.seek(0, 2) == 0:
            # A .gz of no bytes is what a power cut leaves; it holds nothing.
            self._raw.seek(0)
            return self._raw
        self._raw.seek(0)
        return gzip.GzipFile(fileobj=self._raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._raw.close()

    def head(self, size: int) -> bytes:
        """The first bytes of the text; they tell a file from another that took its name."""
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

    def chunk(self, offset: int) -> Chunk:
        """The lines from `offset` on, up to the bounds of a chunk."""
        self._go_to(offset)
        text = self._fill(CHUNK_BYTES)
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
        """What is left at the end of the file: nothing, or a line without its end."""
        return Chunk([], offset, True, rest[:_LONG_LINE_KEPT], len(rest), self._damage)

    def _long_line(self, offset: int) -> Chunk:
        """A line longer than a chunk: its beginning stands for it, the rest is passed over."""
        kept = self._ahead[:_LONG_LINE_KEPT]
        length = 0
        while self._fill(CHUNK_BYTES):
            end = self._ahead.find(b"\n")
            if end >= 0:
                self._ahead = self._ahead[end + 1 :]
                self._at = offset + length + end + 1
                return Chunk([kept], self._at, False)
            length += len(self._ahead)
            self._ahead = b""
        self._at = offset + length
        return Chunk([], offset, True, kept, length, self._damage)

    def _fill(self, size: int) -> bytes:
        """Read ahead until `size` bytes are there or the file ends; returns what is there."""
        while len(self._ahead) < size and not self._damage:
            piece = self._read(max(size - len(self._ahead), CHUNK_BYTES))
            if not piece:
                break
            self._ahead += piece
        return self._ahead

    def _read(self, size: int) -> bytes:
        try:
            # One piece a time: a reader of larger pieces throws away what came before the damage.
            return self._file.read1(size) if isinstance(self._file, gzip.GzipFile) else self._file.read(size)
        except EOFError:
            self._damage = "it ends too early"
        except (gzip.BadGzipFile, zlib.error) as error:
            self._damage = str(error)
        return b""

    def _go_to(self, offset: int) -> None:
        if offset == self._at:
            return
        if not isinstance(self._file, gzip.GzipFile):
            self._file.seek(offset)
            self._at, self._ahead = offset, b""
            return
        if offset < self._at:
            self._file.close()
            self._raw.seek(0)
            self._file = gzip.GzipFile(fileobj=self._raw)
            self._at, self._ahead, self._damage = 0, b"", ""
        while self._at < offset and self._fill(1):
            step = min(offset - self._at, len(self._ahead))
            self._at += step
            self._ahead = self._ahead[step:]
