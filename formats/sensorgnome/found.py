"""Every file below a folder, those in zip archives included."""

import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from formats.sensorgnome.names import FileName, file_name_parse, name_show, packed_end_cut

#: Why anything that is neither file nor folder is left, and False because it contains no data.
NO_FILE = ("It is not a regular file.", False)
_STEP = 1_048_576


class FolderFile(NamedTuple):
    """One file below a data folder: its key, path, name parts or None, and the plain form beside a compressed one.

    Each `member` of a zip archive is a file.
    """

    key: str
    path: Path
    name: FileName | None
    plain: Path | None = None
    member: zipfile.ZipInfo | None = None

    @property
    def file_name(self) -> str:
        """The file's name without folders."""
        return self.member.filename.rpartition("/")[2] if self.member else self.path.name

    def read(self) -> bytes:
        """The file's current content."""
        if self.member is None:
            return self.path.read_bytes()
        with zipfile.ZipFile(self.path) as archive:
            return member_read(archive, self.member)


class TooManyFiles(Exception):
    """There are more files than may be listed."""


def member_read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of a member, never more than the size that the archive states for it."""
    # In steps: in one go, zipfile would unpack everything before cutting it to size.
    with archive.open(member) as raw:
        return b"".join(iter(lambda: raw.read(_STEP), b""))


def key_of(path: Path, root: Path) -> str:
    """A file's key: its displayed path below the folder, without a compression suffix."""
    relative = path.relative_to(root)
    if file_name_parse(path.name) is not None:
        relative = relative.with_name(packed_end_cut(path.name))
    return name_show(str(relative))


def entries(
    folder: Path, unreadable: list[tuple[Path, OSError]], *, most: int | None = None, opens_archives: bool = True
) -> Iterator[FolderFile]:
    """Every file below the folder, oldest first by name, files without a date first.

    A compressed file beside its plain form is listed under its full name. Without `opens_archives`, an archive is one file.
    Raises `TooManyFiles` for more than `most`.
    """
    found: list[FolderFile] = []

    def note(error: OSError) -> None:
        unreadable.append((Path(error.filename), error))

    for base, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        # A link to a folder is not followed: its target may lie elsewhere, or contain the link.
        names += [name for name in folders if (Path(base) / name).is_symlink()]
        there = set(names)
        for entry in names:
            path, name, cut = Path(base) / entry, file_name_parse(entry), packed_end_cut(entry)
            is_second = name is not None and cut != entry and cut in there
            key = name_show(str(path.relative_to(folder))) if is_second else key_of(path, folder)
            members = _members(key, path) if opens_archives else []
            found += members or [FolderFile(key, path, name, Path(base) / cut if is_second else None)]
            if most is not None and len(found) > most:
                raise TooManyFiles
    yield from oldest_first(found)


def oldest_first(files: Iterable[FolderFile]) -> list[FolderFile]:
    """The files in the order in which they are read."""
    return sorted(files, key=lambda f: (f.name.start if f.name else -1, f.plain is not None, f.key))


def _members(key: str, path: Path) -> list[FolderFile]:
    """The files in a zip archive, or none if it cannot be opened."""
    try:
        if not path.is_file():
            return []
        with path.open("rb") as raw:
            if raw.read(4) != b"PK\x03\x04":
                return []
            with zipfile.ZipFile(raw) as archive:
                return archive_members(archive, path, f"{key}/")
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []


def archive_members(archive: zipfile.ZipFile, path: Path, place: str = "") -> list[FolderFile]:
    """The files in an open archive; their keys begin with `place`."""
    return [
        FolderFile(
            name_show(f"{place}{member.filename}"),
            path,
            file_name_parse(member.filename.rpartition("/")[2]),
            member=member,
        )
        for member in archive.infolist()
        if not member.is_dir()
    ]
