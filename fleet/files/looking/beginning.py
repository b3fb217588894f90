"""Reading the beginning of a stored file, unpacked if it is a gzip: as much as a page shows, however large the file."""

import hashlib
import zlib
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from fleet.files.store.contents import content_open
from fleet.files.store.models import StoredContent
from fleet.files.store.parts import PIECE

#: Maximum unpacked bytes that are read, and maximum size of a file whose SHA-1 is computed.
LOOK_MOST, SHA1_MOST = 2 * 2**20, 50 * 2**20


class FileKind(StrEnum):
    """How a file is shown."""

    PICTURE = "picture"
    SHEET = "sheet"
    TABLE = "table"
    MARKDOWN = "markdown"
    TEXT = "text"
    NONE = "none"


_KINDS = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp"), FileKind.PICTURE),
    **dict.fromkeys((".xls", ".xlsx", ".ods"), FileKind.SHEET),
    **dict.fromkeys((".csv", ".tsv"), FileKind.TABLE),
    **dict.fromkeys((".md", ".markdown"), FileKind.MARKDOWN),
    **dict.fromkeys(
        (".txt", ".log", ".json", ".geojson", ".toml", ".ini", ".conf", ".xml", ".yaml", ".yml"), FileKind.TEXT
    ),
}


class Beginning(NamedTuple):
    """Bytes from the start of a file, whether they are the whole file, and whether the file is damaged after them."""

    octets: bytes
    is_whole: bool
    is_damaged: bool = False


def kind_of(path: str) -> FileKind:
    """How a file of this name is shown; a gzip is shown like the file in it."""
    name = PurePosixPath(path.lower().removesuffix(".gz"))
    return _KINDS.get(name.suffix, FileKind.NONE)


def beginning_read(content: StoredContent, path: str) -> Beginning:
    """The beginning of a content. Raises `FileNotFoundError` and `StoreAway`."""
    with content_open(content) as opened:
        if not path.lower().endswith(".gz"):
            octets = opened.read(LOOK_MOST + 1)
            return Beginning(octets[:LOOK_MOST], len(octets) <= LOOK_MOST)
        return _unpacked(opened)


def sha1_read(content: StoredContent) -> str:
    """The SHA-1 of a content, empty for a large one. Raises `FileNotFoundError` and `StoreAway`."""
    if content.octets > SHA1_MOST:
        return ""
    # Motus and older programs identify files by their SHA-1; no security depends on it.
    digest = hashlib.sha1(usedforsecurity=False)
    with content_open(content) as opened:
        while piece := opened.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def text_of(octets: bytes) -> str:
    """These bytes as text, even if their encoding is old or they are no text; unprintable characters become `�`."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The last character may be cut off.
        is_cut = error.start >= len(octets) - 3 and error.reason == "unexpected end of data"
        text = octets[: error.start].decode("utf-8-sig") if is_cut else octets.decode("latin-1")
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text.replace("\r\n", "\n"))


def _unpacked(opened: object) -> Beginning:
    """The beginning of a gzip; nothing beyond what is shown gets unpacked."""
    octets, engine, is_damaged = b"", zlib.decompressobj(wbits=31), False
    try:
        while len(octets) <= LOOK_MOST and (piece := opened.read(65_536)):  # type: ignore[attr-defined]
            while piece and len(octets) <= LOOK_MOST:
                octets += engine.decompress(piece, LOOK_MOST + 1 - len(octets))
                piece = engine.unconsumed_tail
                if engine.eof:
                    # Some recorders append a gzip to a gzip.
                    piece, engine = engine.unused_data, zlib.decompressobj(wbits=31)
    except zlib.error:
        is_damaged = True
    return Beginning(octets[:LOOK_MOST], len(octets) <= LOOK_MOST and not is_damaged, is_damaged)
