"""The files that may go to Motus: those that stations and desks uploaded, and those in an administrator's folder."""

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

#: Maximum new files of one station to look at; the rest wait for the next search.
FILES_MOST: Final = 50_000


class Openable(Protocol):
    """A path, or anything else that can be opened for reading like a path."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Open it for reading bytes."""


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
    """All revisions of all stored files. A file that is damaged on the server waits until it is intact again."""

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
        """All files below the station's folder. Links and unreadable folders are included, marked as not readable."""
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
        """Names in the folder that are not a station's serial, sorted. Nothing below them is read.

        Raises `OSError` if the folder cannot be read.
        """
        serials = set(Station.objects.filter(deleted_at=None).values_list("serial", flat=True))
        return sorted({path.name for path in self._folder.iterdir()} - serials)


class AllSources:
    """Several places, one after the other."""

    def __init__(self, *places: FileSource) -> None:
        self._places = places

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of every place. A file in two places comes twice."""
        return chain.from_iterable(place.files(serial) for place in self._places)


def _file_of(path: Path) -> SourceFile:
    try:
        status = path.lstat()
    except OSError:
        return SourceFile(path.name, 0, path, is_readable=False)
    is_file = stat.S_ISREG(status.st_mode)
    return SourceFile(path.name, status.st_size, path, str(status.st_mtime_ns), is_readable=is_file)


def source_current() -> FileSource:
    """The source in use: the store, and the folder `ROOST_MOTUS_FOLDER` if it is set."""
    if not settings.ROOST_MOTUS_FOLDER:
        return StoredSource()
    return AllSources(StoredSource(), FolderSource(Path(settings.ROOST_MOTUS_FOLDER)))
