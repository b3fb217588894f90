"""One day of one receiver, in the form Motus takes: checked as Motus does, in a zip that is the same at every try."""

import gzip
import hashlib
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _

from fleet.sync.motus.source import SourceFile
from fleet.sync.records import serial_matched
from formats.ctt.names import CttName, ctt_name_parse

#: Limits of one archive; Motus once failed on an archive with too many files.
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
#: Kinds of a CTT SensorStation's tables whose format Motus describes.
_TABLES = frozenset({"data", "raw-data", "node-data", "node-health", "gps"})
_NEVER_CHANGES = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class DayFile:
    """A file of the day. `refusal`: why it is left out, or empty. `plain`: its octets when unpacked, 0 if refused.

    A file of a SensorStation has no boot number and no `time`.
    """

    file: SourceFile
    boot: int
    time: str
    refusal: str = ""
    plain: int = 0


@dataclass(frozen=True, slots=True)
class DayChecked:
    """The files of one day: those to send or leave out, copies of files that are or were sent, and warnings."""

    files: list[DayFile] = field(default_factory=list)
    copies: list[DayFile] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def usable(self) -> list[SourceFile]:
        """The files to be sent."""
        return [one.file for one in self.files if not one.refusal]


def day_of(name: str) -> date | None:
    """The UTC day of a file by its name; None if Motus could not read it either. Of a table, the day it was closed."""
    table = ctt_name_parse(name)
    if table is not None:
        return date(1970, 1, 1) + timedelta(microseconds=table.closed) if table.closed else None
    found = _NAME.match(name)
    try:
        return date.fromisoformat(found["day"]) if found else None
    except ValueError:
        return None


def boot_of(name: str) -> int:
    """The boot number in a file's name; 0 without one."""
    found = _NAME.match(name)
    return int(found["boot"]) if found else 0


def bare_name(name: str) -> str:
    """The name by which Motus knows a file: without `.gz`, as a file stays the same when its station packs it later."""
    return name.removesuffix(".gz")


def day_checked(serial: str, files: Iterable[SourceFile], sent: Mapping[str, int] | None = None) -> DayChecked:
    """The files of one day, each checked as Motus does. `sent`: unpacked octets of files sent before, by bare name.

    Of several copies, Motus keeps the longest. So the longest that passes is sent, unless one as long was sent before.
    """
    copies: dict[str, list[SourceFile]] = defaultdict(list)
    for file in {(one.name, one.size, one.mark): one for one in files}.values():
        copies[bare_name(file.name)].append(file)
    checked, further = DayChecked(), 0
    for bare in sorted(copies):
        several = [_checked(serial, file) for file in sorted(copies[bare], key=_by_name)]
        passing = sorted((one for one in several if not one.refusal), key=_by_length)
        if passing and passing[-1].plain > (sent or {}).get(bare, -1):
            checked.files.append(passing.pop())
            further += len(passing)
        checked.files.extend(one for one in several if one.refusal)
        checked.copies.extend(passing)
    if further:
        checked.warnings.append(
            _("Further copies of the same files, of which the longest is sent: %(n)d.") % {"n": further}
        )
    if any(not one.time and not one.refusal for one in checked.files):
        checked.warnings.append(
            _("Motus hands tables of SensorStations to CTT, and gets their detections back days to months later.")
        )
    boots = [one.boot for one in sorted(checked.files, key=lambda one: one.time) if one.time and not one.refusal]
    if any(later < earlier for earlier, later in pairwise(boots)):
        checked.warnings.append(
            _("The boot number drops during the day: was the card rewritten? Motus may mix up its times.")
        )
    return checked


def _by_name(file: SourceFile) -> tuple[str, int, str]:
    return file.name, file.size, file.mark


def _by_length(one: DayFile) -> tuple[int, bool, str]:
    """Sort key for copies: of two with the same content, the packed one is sent."""
    return one.plain, one.file.name.endswith(".gz"), one.file.mark


def archive_write(files: Sequence[SourceFile], path: Path) -> str:
    """Write the zip; return its SHA-1. Files are stored as they are, sorted, without times: always the same bytes."""
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
    refusal, plain = "", 0
    if not table.closed:
        refusal = _("Its station had not closed it, so its name has no time.")
    elif table.kind not in _TABLES:
        refusal = _("Motus does not describe tables of this kind: %(kind)s.") % {"kind": table.kind}
    elif serial_matched(table.serial) != serial_matched(serial):
        refusal = _("The name is that of another receiver, %(other)s.") % {"other": table.serial}
    if not refusal:
        refusal, plain = _content_refusal(file)
    return DayFile(file, 0, "", refusal, plain)


def _checked(serial: str, file: SourceFile) -> DayFile:
    table = ctt_name_parse(file.name)
    if table is not None:
        return _table_checked(serial, file, table)
    found = _NAME.match(file.name)
    if found is None:
        return DayFile(file, 0, "", _("The name has no receiver, boot number and time, so Motus would ignore it."))
    if serial_matched(found["serial"]) != serial_matched(serial).removeprefix("SG-"):
        refusal, plain = _("The name is that of another receiver, %(other)s.") % {"other": found["serial"]}, 0
    else:
        refusal, plain = _content_refusal(file)
    return DayFile(file, int(found["boot"]), found["time"], refusal, plain)


def _content_refusal(file: SourceFile) -> tuple[str, int]:
    """Why Motus would set the file aside (empty: it would not), and its octets when unpacked."""
    if not file.size:
        return _("It is empty."), 0
    try:
        with file.path.open("rb") as raw:
            if not any(any(piece) for piece in iter(lambda: raw.read(_PIECE), b"")):
                return _("It contains only zeros: perhaps it was copied before it was fully written."), 0
        if file.name.endswith(".gz"):
            return _gzip_refusal(file)
    except OSError as error:
        return _("It cannot be read: %(reason)s.") % {"reason": error.strerror or str(error)}, 0
    return "", file.size


def _gzip_refusal(file: SourceFile) -> tuple[str, int]:
    size = 0
    try:
        with file.path.open("rb") as raw, gzip.open(raw, "rb") as unpacked:
            while piece := unpacked.read(_PIECE):
                size += len(piece)
                if size > _UNPACKED_MOST:
                    return _("It unpacks to more than %(n)d GB.") % {"n": _UNPACKED_MOST // 1024**3}, 0
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return _("Its compression is damaged, or it was not finished."), 0
    return "", size
