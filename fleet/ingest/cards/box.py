"""Folders and zip archives that cards come in. Nothing is unpacked to disk, and no link is followed.

A card is foreign input: its names, sizes and archives are believed only as far as they cost nothing to disprove.
"""

import os
import stat
import zipfile
import zlib
from collections.abc import Iterable, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet.core.errors import InvalidInput
from formats.sensorgnome.card import FILE_MOST, TEXT_MOST, CardReader, FileReport
from formats.sensorgnome.found import FolderFile, TooManyFiles, archive_members, entries, member_read, oldest_first
from formats.sensorgnome.reader import Unreadable

#: Files of one card: as many as Roost lists for a station.
FILES_MOST = 100_000
#: Maximum bytes that all archives of a card unpack to, and how many times its own size an archive may unpack to, unless
#: that is less than `SMALL`.
UNPACKED_MOST = TEXT_MOST
RATIO_MOST, SMALL = 100, 64_000_000
#: Maximum bytes of an archive's list of members, 600 per file, because `zipfile` reads all of it into memory.
_LIST_MOST = 600 * FILES_MOST
_TAIL, _END, _END_64 = 65_700, b"PK\x05\x06", b"PK\x06\x06"
_LINK = "It is a link; only files are read."


class CardBox:
    """An open card with its `files`, oldest first. Without `opens_archives`, an archive in a folder is one file."""

    def __init__(self, path: Path, *, opens_archives: bool = True) -> None:
        self.path = path
        self._opens_archives = opens_archives
        self.files: list[FolderFile] = []
        self._unreadable: list[tuple[Path, OSError]] = []
        self._archive: tuple[Path, zipfile.ZipFile] | None = None
        #: Reasons by `id()` of the archive's member, because files may be renamed.
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

    def reader(
        self,
        serials: frozenset[str] = frozenset(),
        *,
        files: Iterable[FolderFile] | None = None,
        met: MutableMapping[str, str] | None = None,
        refused: Iterable[FileReport] = (),
    ) -> CardReader:
        """A reader that begins again, with all files or `files`; with `serials`, only of files of these."""
        chosen = self.files if files is None else files
        return CardReader(
            self.path, chosen, self._unreadable, serials=serials, read=self.read, met=met, refused=refused
        )

    def _list(self) -> list[FolderFile]:
        """All files. Raises `InvalidInput` if this is neither a folder nor a zip archive, or has too many files."""
        try:
            if self.path.is_dir():
                opens = self._opens_archives
                return list(entries(self.path, self._unreadable, most=FILES_MOST, opens_archives=opens))
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
        """Note members of archives that will not be read, before anything is unpacked. Raises `InvalidInput`."""
        unpacked, met, of = 0, set[tuple[Path, str]](), dict[Path, int]()
        for file in self.files:
            if file.member is None:
                continue
            unpacked += file.member.file_size
            of[file.path] = of.get(file.path, 0) + file.member.file_size
            if unpacked > UNPACKED_MOST:
                raise InvalidInput(
                    f"The archives on {self.path} unpack to more than {UNPACKED_MOST // 1_073_741_824} GB. No station "
                    "writes that much; send the card in parts."
                )
            if reason := _member_reason(file.member):
                self._refused[id(file.member)] = reason
            elif (file.path, file.member.filename) in met:
                self._refused[id(file.member)] = "The archive has another file of this name, which was read."
            met.add((file.path, file.member.filename))
        for path, size in of.items():
            ratio_check(path.name, unpacked=size, packed=path.stat().st_size)

    def read(self, file: FolderFile) -> bytes:
        """The content of a file. Raises `Unreadable` with the reason why it is not read."""
        if reason := self._refused.get(id(file.member)):
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
        """The archive, kept open until another is needed: opening it for each member would read its list each time."""
        if self._archive is None or self._archive[0] != path:
            self.close()
            _list_check(path)
            self._archive = path, self._closing.enter_context(zipfile.ZipFile(path))
        return self._archive[1]


def ratio_check(name: str, *, unpacked: int, packed: int) -> None:
    """Raise `InvalidInput` for an archive that unpacks far more than stations' files, which unpack 5 to 20 times."""
    if unpacked > max(SMALL, RATIO_MOST * packed):
        raise InvalidInput(
            f"{name} has {packed} bytes and unpacks to more than {RATIO_MOST} times as many. Stations' files do not; "
            "send them without the archive."
        )


def _list_check(path: Path) -> None:
    """Raise `BadZipFile` if the list of the archive's members is larger than any card's."""
    with path.open("rb") as raw:
        raw.seek(max(raw.seek(0, os.SEEK_END) - _TAIL, 0))
        tail = raw.read()
    at, wide = tail.rfind(_END), tail.rfind(_END_64)
    size = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if wide >= 0:
        size = max(size if size != 0xFFFF_FFFF else 0, int.from_bytes(tail[wide + 40 : wide + 48], "little"))
    if size > _LIST_MOST:
        raise zipfile.BadZipFile(f"its list of members has {size} bytes")


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
    """The content of a file. Raises `Unreadable` if it changes meanwhile, is a link, or is too large."""
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
