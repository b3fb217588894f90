"""The files that may go to Motus: what stations and desks uploaded, and a folder of the administrator's."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Literal, Protocol

from django.conf import settings

from fleet.files.store.contents import ContentPlace
from fleet.files.store.models import StoredContent
from fleet.files.store.selectors import revisions_all
from fleet.stations.models import Station

#: New files of one station that are looked at; more wait for the next search.
FILES_MOST: Final = 50_000


class Openable(Protocol):
    """A path, or something else that is opened for reading like one."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """The bytes."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One raw file: its name as the station gave it, its octets, and where to read it.

    `mark`: changes with its content even if the size does not. `is_readable`: false for links, folders that cannot be
    read, and contents that are damaged here.
    """

    name: str
    size: int
    path: Openable
    mark: str = ""
    is_readable: bool = True


class FileSource(Protocol):
    """A place that has stations' raw files."""

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of one station, in any order."""


class StoredSource:
    """All revisions of each stored file. Those that are damaged on the server wait until they are whole again."""

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of the station that has this serial now."""
        for revision in revisions_all(serial=serial):
            content, name = revision.content, PurePosixPath(revision.file.path).name
            is_kept = content.state == StoredContent.State.KEPT
            yield SourceFile(name, content.octets, ContentPlace(content), content.sha256, is_readable=is_kept)


class FolderSource:
    """A folder on this server with a folder for each station, named by its serial. Links are not followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self, serial: str) -> Iterator[SourceFile]:
        """All files below the station's folder. Links, and folders that cannot be read, are named."""
        root, unreadable = self._folder / serial, list[OSError]()
        for place, folders, names in os.walk(root, onerror=unreadable.append):
            for path in (Path(place) / name for name in [*names, *folders]):
                if path.is_symlink() or not path.is_dir():
                    yield _file_of(path)
        for error in unreadable:
            path = Path(error.filename)
            # Most stations have no folder here.
            if path != root or not isinstance(error, FileNotFoundError):
                yield SourceFile(path.name, 0, path, is_readable=False)

    def others(self) -> list[str]:
        """Names in the folder that no station has as its serial: nothing below them is looked at. Sorted.

        Raises `OSError` if the folder cannot be read.
        """
        serials = set(Station.objects.filter(deleted_at=None).values_list("serial", flat=True))
        return sorted({path.name for path in self._folder.iterdir()} - serials)


class AllSources:
    """Several places, one after the other."""

    def __init__(self, *places: FileSource) -> None:
        self._places = places

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of every place. One that is in two of them comes twice."""
        return chain.from_iterable(place.files(serial) for place in self._places)


def _file_of(path: Path) -> SourceFile:
    try:
        status = path.lstat()
    except OSError:
        return SourceFile(path.name, 0, path, is_readable=False)
    is_file = stat.S_ISREG(status.st_mode)
    return SourceFile(path.name, status.st_size, path, str(status.st_mtime_ns), is_readable=is_file)


def source_current() -> FileSource:
    """The store, and the folder `ROOST_MOTUS_FOLDER` if it is set."""
    if not settings.ROOST_MOTUS_FOLDER:
        return StoredSource()
    return AllSources(StoredSource(), FolderSource(Path(settings.ROOST_MOTUS_FOLDER)))
