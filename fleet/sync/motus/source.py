"""The files that may go to Motus: a folder with a folder for each station, named by its serial."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

#: Files of one station that are looked at; more are reported.
FILES_MOST: Final = 50_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One raw file: its name as the station gave it, its octets, and where to read it."""

    name: str
    size: int
    path: Path


class FileSource(Protocol):
    """A place that has stations' raw files."""

    def files(self, serial: str) -> Iterator[SourceFile]:
        """The files of one station, in any order."""


class FolderSource:
    """A folder on this server. Links are not followed, so nothing outside is sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self, serial: str) -> Iterator[SourceFile]:
        """All regular files below the station's folder."""
        for place, _folders, names in os.walk(self._folder / serial):
            for name in names:
                path = Path(place) / name
                if path.is_symlink() or not path.is_file():
                    continue
                yield SourceFile(name, path.stat().st_size, path)


def source_current() -> FileSource | None:
    """The place of the files; None if none is set up."""
    return FolderSource(Path(settings.ROOST_MOTUS_FOLDER)) if settings.ROOST_MOTUS_FOLDER else None
