"""Tar archives, plain or gzipped, unpacked some files at a time from a stream. They are foreign input, never trusted.

Names that lead out of the folder, links, devices and too large files are refused one by one. An archive that unpacks to
far more than its own size, or has an endless header, is refused from there on.
"""

import errno
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fleet.core.errors import InvalidInput
from fleet.ingest.cards.box import FILES_MOST, ratio_check
from formats.sensorgnome.card import FILE_MOST
from formats.sensorgnome.names import name_show

_ENDS = (".tar.gz", ".tgz", ".tar")
_GZIP = b"\x1f\x8b"
_STEP = 1_048_576
#: Errors of a full disk. Other errors may concern a single file only.
_FULL = (errno.ENOSPC, errno.EDQUOT)
#: Maximum bytes of headers before a file, because `tarfile` reads a whole extended header into memory.
_HEADER_MOST = 4_000_000
#: Maximum folders and characters of a path: Python removes folders by recursion, which fails on a very deep tree.
_DEPTH_MOST, _PATH_MOST = 64, 1_000


class TarMember(NamedTuple):
    """A file's number in the archive, from 0; its path, or why it was not unpacked. Without a name: all the rest."""

    number: int
    name: str
    path: Path
    octets: int
    reason: str = ""


class _Guard:
    """The unpacked stream. Counts bytes, and refuses to read more than `left`, which the caller keeps raising."""

    def __init__(self, opened: Any, octets: int) -> None:
        self._opened, self._octets = opened, octets
        self.unpacked = 0
        self.left = 0

    def read(self, size: int) -> bytes:
        """The next bytes. Raises `InvalidInput` if the archive unpacks to far too much."""
        some: bytes = self._opened.read(size)
        self.unpacked += len(some)
        self.left -= len(some)
        ratio_check("The archive", unpacked=self.unpacked, packed=self._octets)
        if self.left < 0:
            raise InvalidInput("A header in the archive has no end.")
        return some


def disk_check(error: Exception) -> None:
    """Raise the error again if the disk is full: that is no fault of the file, and may be over in a minute."""
    if isinstance(error, OSError) and error.errno in _FULL:
        raise error


def tar_is(path: str, head: bytes) -> bool:
    """Whether a file with this name and these first bytes is read as a tar archive."""
    name = path.lower()
    return name.endswith(_ENDS) and (head[:2] == _GZIP or name.endswith(".tar"))


class TarFiles:
    """An archive of `octets` bytes, read once from its beginning; its first `skip` files are skipped."""

    def __init__(self, opened: Any, *, octets: int, skip: int) -> None:
        self.number = 0
        self.is_over = False
        self._skip = skip
        head = opened.read(2)
        opened.seek(0)
        self._guard: Any = _Guard(gzip.GzipFile(fileobj=opened) if head == _GZIP else opened, octets)
        self._archive: tarfile.TarFile | None = None

    def some(self, root: Path, files: int, octets: int) -> Iterator[TarMember]:
        """Unpack the next files below `root`, up to this many files or bytes."""
        found, unpacked = 0, 0
        while found < files and unpacked < octets and not self.is_over:
            try:
                member = self._next()
                if member is None:
                    self.is_over = True
                    return
                number, self.number = self.number, self.number + 1
                name, reason = member.name, _reason(member, number)
                path = root / name if not reason else root
                if number < self._skip or reason:
                    self._pass(member)
                else:
                    reason = self._unpack(member, path)
            except (tarfile.TarError, OSError, EOFError, zlib.error, InvalidInput) as error:
                disk_check(error)
                self.is_over = True
                sentence = str(error) if isinstance(error, InvalidInput) else f"The archive is broken here: {error}."
                yield TarMember(self.number, "", root, 0, f"{sentence} What comes after it was not read.")
                return
            if number >= self._skip:
                found, unpacked = found + 1, unpacked + member.size
                yield TarMember(number, name, path, member.size, reason)

    def _next(self) -> tarfile.TarInfo | None:
        """The next member that is not a folder; None at the end."""
        while True:
            self._guard.left = _HEADER_MOST
            if self._archive is None:
                self._archive = tarfile.open(  # noqa: SIM115 - several calls read it
                    fileobj=self._guard, mode="r|", encoding="utf-8", errors="surrogateescape"
                )
            member = self._archive.next()
            # Otherwise `tarfile` would keep every member in memory.
            vars(self._archive)["members"].clear()
            if member is None or not member.isdir():
                return member

    def _pass(self, member: tarfile.TarInfo) -> None:
        """Skip a member in steps; if `tarfile` skipped it, its bytes would count as headers."""
        for _some in self._content(member):
            pass

    def _unpack(self, member: tarfile.TarInfo, path: Path) -> str:
        """Write a member to its file; return why that failed, or an empty text."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            laid = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            self._pass(member)
            return "The archive has another file of this name, which was read."
        except (OSError, ValueError) as error:
            disk_check(error)
            self._pass(member)
            return f"It cannot be read: {getattr(error, 'strerror', None) or error}."
        with laid:
            for some in self._content(member):
                laid.write(some)
        return ""

    def _content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        if not member.isreg() or self._archive is None:
            return
        with self._archive.extractfile(member) or open(os.devnull, "rb") as raw:  # noqa: PTH123 - never: it is regular
            self._guard.left = _HEADER_MOST
            while some := raw.read(_STEP):
                self._guard.left = _HEADER_MOST
                yield some


def _reason(member: tarfile.TarInfo, number: int) -> str:
    """The reason why a member is not read, or an empty text."""
    parts = member.name.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0].endswith(":"):
        return "Its path leads out of the archive."
    if len(parts) > _DEPTH_MOST or len(member.name) > _PATH_MOST:
        return "Its path is too deep."
    if member.issym() or member.islnk():
        return "It is a link; only files are read."
    if member.issparse():
        raise InvalidInput(f"{name_show(member.name)} is stored with holes: make the archive without --sparse.")
    if not member.isreg():
        return "It is not a regular file."
    if member.size > FILE_MOST:
        return "It is too large for a data file."
    if number >= FILES_MOST:
        raise InvalidInput(f"There are more than {FILES_MOST} files in the archive.")
    return ""
