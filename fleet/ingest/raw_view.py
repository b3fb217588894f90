"""Display of bytes of unknown origin: as text if they are text, otherwise as hexadecimal, cut to about a page."""

import zlib
from typing import NamedTuple

TEXT_MOST, HEX_MOST = 16_384, 2_048
_LINE = 16
_GZIP = b"\x1f\x8b"
#: zlib's parameter for "expect a gzip header".
_GZIP_WINDOW = 31


class RawView(NamedTuple):
    """Text to show, and whether it is hexadecimal, was unpacked, and was cut."""

    content: str
    is_hex: bool
    is_unpacked: bool
    is_cut: bool


def raw_view(raw: bytes) -> RawView:
    """The beginning of these bytes in a form that a page can show."""
    unpacked = _unpacked(raw) if raw.startswith(_GZIP) else None
    shown = raw if unpacked is None else unpacked
    text = _text(shown[:TEXT_MOST])
    if text is not None:
        return RawView(text, False, unpacked is not None, len(shown) > TEXT_MOST)
    return RawView(_hex(shown[:HEX_MOST]), True, unpacked is not None, len(shown) > HEX_MOST)


def _unpacked(raw: bytes) -> bytes | None:
    """Unpack at most one byte more than is shown, so that a zip bomb stays small."""
    try:
        return zlib.decompressobj(_GZIP_WINDOW).decompress(raw, TEXT_MOST + 1)
    except zlib.error:
        return None


def _text(raw: bytes) -> str | None:
    # Up to three bytes at the end may belong to a character that was cut off.
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
