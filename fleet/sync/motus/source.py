"""The files that may go to Motus: what stations and desks uploaded, and a folder of the administrator's."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from django.conf import settings

from fleet.files.store.contents import content_path
from fleet.files.store.selectors import revisions_sound

#: Files of one station that are looked at; more are reported.
FILES_MOST: Final = 50_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One raw file: its name as the station gave it, its octets, and where to read it. `mark`: another if it changed."""

    name: str
    size: int
    path: Path
    mark: str = ""


class FileSource(Protocol):
    """A place that has stations' raw files."""

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of one station, in any order."""


class StoredSource:
    """All revisions of each stored file. Those that are damaged on the server wait until they are whole again."""

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of the station that has this serial now."""
        for revision in revisions_sound(serial=serial):
            content, name = revision.content, PurePosixPath(revision.file.path).name
            yield SourceFile(name, content.octets, content_path(content), content.sha256)


class FolderSource:
    """A folder on this server with a folder for each station, named by its serial. Links are not followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self, serial: str) -> Iterator[SourceFile]:
        """All regular files below the station's folder."""
        for place, _folders, names in os.walk(self._folder / serial):
            for name in names:
                path = Path(place) / name
                if path.is_symlink() or not path.is_file():
                    continue
                found = path.stat()
                yield SourceFile(name, found.st_size, path, str(found.st_mtime_ns))


class AllSources:
    """Several places, one after the other."""

    def __init__(self, *places: FileSource) -> None:
        self._places = places

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of every place. One that is in two of them comes twice."""
        return chain.from_iterable(place.files(serial) for place in self._places)


def source_current() -> FileSource:
    """The store, and the folder `ROOST_MOTUS_FOLDER` if it is set."""
    if not settings.ROOST_MOTUS_FOLDER:
        return StoredSource()
    return AllSources(StoredSource(), FolderSource(Path(settings.ROOST_MOTUS_FOLDER)))
