"""One day of one receiver as Motus takes it: its own checks beforehand, and a zip with the same bytes at every try."""

import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from fleet.sync.motus.source import SourceFile
from fleet.sync.records import serial_matched
from formats.ctt.names import CttName, ctt_name_parse

#: Limits of one archive; Motus' own once failed with too many files in one.
FILES_MOST: Final = 2_000
OCTETS_MOST: Final = 1024**3
_UNPACKED_MOST: Final = 2 * 1024**3
_PIECE: Final = 1024 * 1024
#: <label>-<serial>-<boot count>-<UTC start><clock code>-<source>.txt[.gz]
_NAME = re.compile(
    r".*-(?P<serial>[0-9A-Za-z]{12}(?:_[0-9])?)-(?P<boot>\d{1,9})-(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d-\d\d-\d\d)"
    r"[.0-9]*[P-Z]?-[A-Za-z0-9]+\.txt(?:\.gz)?\Z",
    re.ASCII,
)
#: Kinds of a CTT SensorStation's tables of which Motus describes the format.
_TABLES = frozenset({"data", "raw-data", "node-data", "node-health", "gps"})
_NEVER_CHANGES = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class DayFile:
    """A file of the day; `refusal`: why it is left out, or empty. A SensorStation's has no boot number and no `time`."""

    file: SourceFile
    boot: int
    time: str
    refusal: str = ""


def day_of(name: str) -> date | None:
    """The UTC day of a file by its name; None if Motus could not tell it either. A table's is when it was closed."""
    table = ctt_name_parse(name)
    if table is not None:
        return date(1970, 1, 1) + timedelta(microseconds=table.closed) if table.closed else None
    found = _NAME.match(name)
    try:
        return date.fromisoformat(found["day"]) if found else None
    except ValueError:
        return None


def day_checked(serial: str, files: Iterable[SourceFile]) -> tuple[list[DayFile], list[str]]:
    """The files of one day by name, each checked as Motus does; and warnings about the day as a whole."""
    best: dict[str, SourceFile] = {}
    copies = 0
    for file in files:
        known = best.get(file.name)
        copies += known is not None
        # Of two files with one name, Motus keeps the larger.
        if known is None or (file.size, str(file.path)) > (known.size, str(known.path)):
            best[file.name] = file
    checked = [_checked(serial, best[name]) for name in sorted(best)]
    warnings = []
    if copies:
        warnings.append(_("Further copies under the same names, of which the largest is sent: %(n)d.") % {"n": copies})
    if any(not one.time and not one.refusal for one in checked):
        warnings.append(
            _("Motus hands tables of SensorStations to CTT, and gets their detections back days to months later.")
        )
    boots = [one.boot for one in sorted(checked, key=lambda one: one.time) if one.time and not one.refusal]
    if any(later < earlier for earlier, later in pairwise(boots)):
        warnings.append(
            _("The boot number falls within the day: was the card written again? Motus may mix up its times.")
        )
    return checked, warnings


def archive_write(files: Sequence[SourceFile], path: Path) -> str:
    """Write the zip and return its SHA-1. Sorted, stored without packing again, without times: always the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for file in sorted(files, key=lambda one: one.name):
            entry = zipfile.ZipInfo(file.name, _NEVER_CHANGES)
            entry.external_attr = 0o644 << 16
            entry.file_size = file.size
            with file.path.open("rb") as source, archive.open(entry, "w") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as written:
        while piece := written.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _table_checked(serial: str, file: SourceFile, table: CttName) -> DayFile:
    refusal = ""
    if not table.closed:
        refusal = _("Its station had not closed it, so its name has no time.")
    elif table.kind not in _TABLES:
        refusal = _("Motus does not describe tables of this kind: %(kind)s.") % {"kind": table.kind}
    elif serial_matched(table.serial) != serial_matched(serial):
        refusal = _("The name is that of another receiver, %(other)s.") % {"other": table.serial}
    return DayFile(file, 0, "", refusal or _content_refusal(file))


def _checked(serial: str, file: SourceFile) -> DayFile:
    table = ctt_name_parse(file.name)
    if table is not None:
        return _table_checked(serial, file, table)
    found = _NAME.match(file.name)
    if found is None:
        return DayFile(file, 0, "", _("The name has no receiver, boot number and time, so Motus would ignore it."))
    refusal = ""
    if serial_matched(found["serial"]) != serial_matched(serial).removeprefix("SG-"):
        refusal = _("The name is that of another receiver, %(other)s.") % {"other": found["serial"]}
    return DayFile(file, int(found["boot"]), found["time"], refusal or _content_refusal(file))


def _content_refusal(file: SourceFile) -> str:
    if not file.size:
        return _("It is empty.")
    try:
        with file.path.open("rb") as raw:
            if not any(any(piece) for piece in iter(lambda: raw.read(_PIECE), b"")):
                return _("It consists of zeros: perhaps it was copied before it was written out.")
        if file.name.endswith(".gz"):
            return _gzip_refusal(file)
    except OSError as error:
        return _("It cannot be read: %(reason)s.") % {"reason": error.strerror or str(error)}
    return ""


def _gzip_refusal(file: SourceFile) -> str:
    size = 0
    try:
        with gzip.open(file.path, "rb") as unpacked:
            while piece := unpacked.read(_PIECE):
                size += len(piece)
                if size > _UNPACKED_MOST:
                    return _("It unpacks to more than %(n)d GB.") % {"n": _UNPACKED_MOST // 1024**3}
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return _("Its compression is damaged, or it was not finished.")
    return ""
