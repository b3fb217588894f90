"""Showing bytes of unknown origin: as text when they are text, else as hexadecimal lines, never more than a page of it."""

import zlib
from typing import NamedTuple

TEXT_MOST, HEX_MOST = 16_384, 2_048
_LINE = 16
_GZIP = b"\x1f\x8b"
#: zlib's word for "a gzip header is expected".
_GZIP_WINDOW = 31


class RawView(NamedTuple):
    """What is shown, whether as hexadecimal, whether it was unpacked, and whether it goes on."""

    content: str
    is_hex: bool
    is_unpacked: bool
    is_cut: bool


def raw_view(raw: bytes) -> RawView:
    """The beginning of these bytes as something a page can show."""
    unpacked = _unpacked(raw) if raw.startswith(_GZIP) else None
    shown = raw if unpacked is None else unpacked
    text = _text(shown[:TEXT_MOST])
    if text is not None:
        return RawView(text, False, unpacked is not None, len(shown) > TEXT_MOST)
    return RawView(_hex(shown[:HEX_MOST]), True, unpacked is not None, len(shown) > HEX_MOST)


def _unpacked(raw: bytes) -> bytes | None:
    """No more than one byte over what is shown: a bomb stays small."""
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(raw, TEXT_MOST + 1)
    except zlib.error:
        return None


def _text(raw: bytes) -> str | None:
    # Up to three bytes may be the beginning of a character that was cut.
    for cut in range(4):
        try:
            text = raw[: len(raw) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return text if all(c.isprintable() or c in "\n\r\t" for c in text) else None
    return None


def _hex(raw: bytes) -> str:
    lines = []
    for start in range(0, len(raw), _LINE):
        part = raw[start : start + _LINE]
        letters = "".join(chr(b) if 0x20 <= b < 0x7F else "." for b in part)
        lines.append(f"{start:06x}  {part.hex(' '):<{_LINE * 3}} {letters}")
    return "\n".join(lines)
