r"""Paths as text that can be sent and printed, and back: no two paths are written alike, whatever bytes they contain.

A byte that is not UTF-8, or belongs to a character that cannot be printed, is \xNN; a backslash is doubled. So every
path has exactly one text, and that text gives back the same bytes.
"""

import os
import re

_ESCAPE = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def path_text(path: str) -> str:
    """A path from the operating system as text."""
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(map(_character_text, os.fsencode(path).decode("utf-8", "surrogateescape")))


def path_of_text(text: str) -> str:
    """The path that `path_text` wrote, as the operating system takes it."""
    raw = _ESCAPE.sub(lambda found: b"\\" if found[1] == b"\\" else bytes.fromhex(found[1][1:].decode()), text.encode())
    return os.fsdecode(raw)


def _character_text(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable() and not 0xDC80 <= ord(character) <= 0xDCFF:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
