"""Folders and zip archives that cards come in. Nothing is unpacked to disk, and no link is followed.

A card is foreign input: its names, sizes and archives are believed only as far as they cost nothing to disprove.
"""

import os
import stat
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet.core.errors import InvalidInput
from formats.sensorgnome.card import FILE_MOST, TEXT_MOST, CardReader
from formats.sensorgnome.found import FolderFile, TooManyFiles, archive_members, entries, member_read, oldest_first
from formats.sensorgnome.reader import Unreadable

#: Files of one card: as many as Roost lists for a station.
FILES_MOST = 100_000
#: Bytes to which one card's archives may unpack.
UNPACKED_MOST = TEXT_MOST
_LINK = "It is a link; only files are read."


class CardBox:
    """An open card. `files` are all files on it, oldest first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: list[FolderFile] = []
        self._unreadable: list[tuple[Path, OSError]] = []
        self._archive: tuple[Path, zipfile.ZipFile] | None = None
        self._refused: dict[int, str] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.files = oldest_first(self._list())
            self._members_check()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive that is open."""
        self._closing.close()
        self._archive = None

    def reader(self, serials: frozenset[str] = frozenset()) -> CardReader:
        """A new reading of the card from its beginning, of these stations' files or of all."""
        return CardReader(self.path, self.files, self._unreadable, serials=serials, read=self._read)

    def _list(self) -> list[FolderFile]:
        """Raises `InvalidInput` if this is no card, or too much of one."""
        try:
            if self.path.is_dir():
                return list(entries(self.path, self._unreadable, most=FILES_MOST))
            files = archive_members(self._open(self.path), self.path)
        except TooManyFiles as error:
            raise _too_many() from error
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror or error}.") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise InvalidInput(f"{self.path} is neither a folder nor a whole zip archive: {error}.") from error
        if len(files) > FILES_MOST:
            raise _too_many()
        return files

    def _members_check(self) -> None:
        """Note which members of archives are not read, before one byte of them is unpacked."""
        unpacked, met = 0, set[tuple[Path, str]]()
        for file in self.files:
            if file.member is None:
                continue
            unpacked += file.member.file_size
            if unpacked > UNPACKED_MOST:
                raise InvalidInput(
                    f"The archives on {self.path} unpack to more than {UNPACKED_MOST // 1_073_741_824} GB. No station "
                    "writes that much; send the card in parts."
                )
            if reason := _member_reason(file.member):
                self._refused[id(file)] = reason
            elif (file.path, file.member.filename) in met:
                self._refused[id(file)] = "The archive has another file of this name, which was read."
            met.add((file.path, file.member.filename))

    def _read(self, file: FolderFile) -> bytes:
        """The content at one moment. Raises `Unreadable` with the reason why this file is not read."""
        if reason := self._refused.get(id(file)):
            raise Unreadable(reason)
        if file.member is None:
            return _still_read(file.path)
        if file.path != self.path and file.path.is_symlink():
            raise Unreadable(_LINK)
        try:
            return member_read(self._open(file.path), file.member)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, zlib.error) as error:
            raise Unreadable(f"The archive is broken here: {error}.") from error

    def _open(self, path: Path) -> zipfile.ZipFile:
        """The archive, open while it is the one in use: opening one for each member would read its list each time."""
        if self._archive is None or self._archive[0] != path:
            self.close()
            self._archive = path, self._closing.enter_context(zipfile.ZipFile(path))
        return self._archive[1]


def _too_many() -> InvalidInput:
    return InvalidInput(f"There are more than {FILES_MOST} files. Send the card in parts, such as one per year.")


def _member_reason(member: zipfile.ZipInfo) -> str:
    """Why a member of an archive is not read, or empty."""
    parts = member.filename.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0].endswith(":"):
        return "Its path leads out of the archive."
    if member.flag_bits & 1:
        return "It is encrypted."
    if stat.S_ISLNK(member.external_attr >> 16):
        return _LINK
    return ""


def _still_read(path: Path) -> bytes:
    """The content of a file that does not change meanwhile."""
    try:
        # Without waiting, in case it has become a pipe since it was listed.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise Unreadable(_LINK) from error
        raise
    with os.fdopen(number, "rb") as raw:
        before = os.fstat(number)
        if before.st_size > FILE_MOST:
            raise Unreadable("It is too large for a data file.")
        content = raw.read(before.st_size + 1)
        after = os.fstat(number)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(content) != after.st_size:
        raise Unreadable("It changed while it was read. Run this again when nothing writes to it.")
    return content
