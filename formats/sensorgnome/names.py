"""Parsing the names of Sensorgnome data files of every generation, and the reasons why other files are not read.

    <label>-<serial>-<boot count>-<UTC start><clock code>-<source>.txt[.gz]

V1, early V2 and current V2 differ in label and boot count only; both are accepted in any form (a boot count of `NaN`
exists). Clock codes: P not synchronised, Z 1 s, Y 0.1 s, X 0.01 s, W 1 ms, V and U finer, T 1 us; some have none. A
copy may be called `… (1).txt`, `….TXT` or have another compression suffix.
"""

import hashlib
import os
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from formats.ctt.names import ctt_name_parse, ctt_serial_key

_PACKED = r"(?P<packed>\.(?:gz|bz2|xz|lz|lzma|zst|Z))?"
_COPY = r"(?: ?\(\d{1,3}\)| - Copy(?: \(\d{1,3}\))?| copy(?: \d{1,3})?)?"
_NAME = re.compile(
    r"(?P<head>.+)-(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d-\d\d-\d\d)(?:\.(?P<fraction>\d{1,9}))?"
    rf"(?P<clock>[P-Z])?-(?P<source>[A-Za-z0-9]+){_COPY}\.(?:txt|TXT|Txt){_COPY}{_PACKED}\Z",
    re.DOTALL,
)
_PACKED_END = re.compile(r"\.(?:gz|bz2|xz|lz|lzma|zst|Z)\Z")
#: Serials as Sensorgnomes have them; other forms cannot be told apart by name.
_SERIAL = re.compile(r"(?:SG-)?([0-9A-Z]{4}(?:RP[A-Z0-9]{2}|BBBK|BB[0-9][0-9A-Z])[0-9A-Z]{4}(?:_[0-9])?)\Z", re.ASCII)
#: Longest name shown whole; a longer one keeps its ends and gets a few digits that distinguish it.
_SHOWN_MOST = 200
#: A backslash is doubled, so that no two names are displayed alike.
_ESCAPED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}

_OTHERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"CTT-.*-telemetry\b.*\.csv", re.IGNORECASE),
        "It contains positions of CTT tags with GPS; this table is not read yet.",
    ),
    (re.compile(r"CTT-.*\.csv", re.IGNORECASE), "Its name is not complete for a file of a CTT SensorStation."),
    (re.compile(r".*-lifetag\.csv", re.IGNORECASE), "It is a CTT LifeTag table; this format is not read yet."),
    (re.compile(r".*\.(?:dta|srx)\Z", re.IGNORECASE), "It is a file of a Lotek receiver; this format is not read yet."),
    (
        re.compile(r".*lotek.*", re.IGNORECASE),
        "It seems to be a file of a Lotek receiver; this format is not read yet.",
    ),
    (
        re.compile(r".*\.zip\Z", re.IGNORECASE),
        "It is a zip archive: unpack it, or send it with station-agent replay.",
    ),
    (
        re.compile(r".*\.(?:7z|rar|tar|tgz|tar\.\w+)\Z", re.IGNORECASE),
        "It is an archive: unpack it so that its files are read.",
    ),
)
#: Files without data, by the beginning of their names, and the reason. Browsers apply these patterns too.
NO_DATA: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\._"), "It is a macOS metadata file; no station wrote it."),
    (
        re.compile(r"(?:\.DS_Store|Thumbs\.db|desktop\.ini|\.Spotlight.*|\.fseventsd.*)\Z"),
        "A computer's system file; no station wrote it.",
    ),
    (re.compile(r"datafiles\.json\Z"), "The recorder's list of its files; it contains no data."),
    (re.compile(r"CTT-.*-log\b.*\.csv", re.IGNORECASE), "The log of a CTT SensorStation; it contains no data."),
)


class FileName(NamedTuple):
    """One file name. `name` is the file name in rows: without a compression suffix and a copy's number.

    `start` is in microseconds since 1970 UTC, 0 if the name has no valid date. `serial` is empty if the name has none
    that looks like a Sensorgnome's or SensorStation's. `is_table` for the tables of CTT SensorStations, which are read by
    `formats.ctt`; their `start` is the moment at which the station closed the file.
    """

    name: str
    start: int
    clock: str
    source: str
    serial: str = ""
    boot: str = ""
    is_table: bool = False
    #: A table that the station is still writing and will rename when it closes it.
    is_unnamed: bool = False


@lru_cache(4_096)
def file_name_parse(name: str) -> FileName | None:
    """The parts of a data file's name, or None for a file that is not data of a Sensorgnome or SensorStation."""
    if name.startswith("._"):
        return None
    if (table := ctt_name_parse(name)) is not None:
        is_open = not table.is_closed
        return FileName(table.name, table.closed, "", table.kind, table.serial, is_table=True, is_unnamed=is_open)
    match = _NAME.match(name)
    if match is None:
        return None
    try:
        start = datetime.strptime(f"{match['day']} {match['time']}", "%Y-%m-%d %H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        microseconds = 0
    else:
        fraction = (match["fraction"] or "").ljust(6, "0")[:6]
        microseconds = int(start.timestamp()) * 1_000_000 + int(fraction)
    serial, boot = _head_split(match["head"])
    plain = name[: match.end("source")] + ".txt"
    return FileName(name_show(plain), microseconds, match["clock"] or "", match["source"], serial, boot)


def _head_split(head: str) -> tuple[str, str]:
    """Serial and boot count from a name's beginning."""
    parts = head.split("-")
    boot = parts[-1] if len(parts) > 1 else ""
    serial = serial_key(parts[-2]) if len(parts) > 1 else ""
    if not serial and len(parts) > 2 and parts[-3].upper() == "CTT":
        # A SensorStation that runs the Sensorgnome software.
        serial = serial_key(f"CTT-{parts[-2]}")
    return serial, boot.lstrip("0") or boot


def serial_key(serial: str) -> str:
    """A serial in comparable form; empty if it is neither a Sensorgnome's nor a SensorStation's.

    It is in upper case, a Sensorgnome's without `SG-` and `_1`.
    """
    match = _SERIAL.match(serial.upper())
    return match.group(1).removesuffix("_1") if match else ctt_serial_key(serial)


def is_foreign(name: FileName, serials: frozenset[str]) -> bool:
    """Whether the file is named for a station other than these (from `serial_key`; always false if there are none)."""
    return bool(serials and name.serial and name.serial not in serials)


def packed_end_cut(name: str) -> str:
    """A name without its compression suffix."""
    return _PACKED_END.sub("", name)


def other_file_reason(name: str) -> tuple[str, bool]:
    """Why a file that is not a data file is left, and whether it may still contain a station's data."""
    for pattern, reason in NO_DATA:
        if pattern.match(name):
            return reason, False
    for pattern, reason in _OTHERS:
        if pattern.match(name):
            return reason, True
    return "Its name is not that of a data file of a Sensorgnome or SensorStation.", True


def name_show(name: str) -> str:
    r"""A name or path as text that can be sent and printed: odd bytes as \xNN, line breaks as \n, never too long."""
    if len(name) <= _SHOWN_MOST and name.isprintable() and "\\" not in name:
        return name
    raw = os.fsencode(name)
    text = "".join(map(_character_show, raw.decode("utf-8", "surrogateescape")))
    if len(text) <= _SHOWN_MOST:
        return text
    digits = hashlib.sha256(raw).hexdigest()[:8]
    return f"{text[:90]}~{digits}~{text[-90:]}"


def _character_show(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character in _ESCAPED:
        return _ESCAPED[character]
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
