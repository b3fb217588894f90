"""The zip file of a package: written under a temporary name, and renamed only when it is complete and on the disk."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path
from typing import Final

from django.conf import settings

from fleet.exports.target import Counted

#: Fast: text shrinks to a sixth, and the database remains the slowest part.
_LEVEL: Final = 1


def archive_path(name: str) -> Path:
    """The path of a package's file, which may not exist yet."""
    return Path(settings.MEDIA_ROOT) / "packages" / f"{name}.zip"


def archive_remove(name: str) -> None:
    """Remove a package's file, complete or not."""
    for path in (archive_path(name), _part_of(name)):
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def archive_names() -> Iterator[tuple[str, float]]:
    """The names of all files, complete or not, and when each was last written (seconds since 1970)."""
    for path in archive_path("any").parent.glob("*.zip*"):
        with suppress(FileNotFoundError):
            yield path.name.partition(".")[0], path.stat().st_mtime


class ArchiveTarget:
    """Collects files in one zip. Parquet is stored as it is, text is compressed."""

    def __init__(self, name: str) -> None:
        self._whole, self._part = archive_path(name), _part_of(name)
        self._part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # This overwrites a file left by a killed worker.
        self._file = self._part.open("wb")
        self._zip = zipfile.ZipFile(self._file, "w", compresslevel=_LEVEL)

    @property
    def bytes(self) -> int:
        """The size of the zip so far."""
        return self._file.tell()

    @contextmanager
    def open(self, name: str) -> Iterator[Counted]:
        """Begin a file."""
        self._zip.compression = zipfile.ZIP_STORED if name.endswith(".parquet") else zipfile.ZIP_DEFLATED
        with self._zip.open(name, "w", force_zip64=True) as file:
            yield Counted(file)

    def finish(self) -> tuple[int, str]:
        """Flush the zip to the disk and give it its final name; return its size and SHA-256."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with self._part.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        size = self._part.stat().st_size
        self._part.rename(self._whole)
        return size, digest

    def close(self) -> None:
        """Close the file; after a failure it is not a complete zip."""
        # Closing writes the end of the zip even after a failure; the caller removes that file.
        with suppress(OSError, ValueError):
            self._zip.close()
        self._file.close()


def _part_of(name: str) -> Path:
    whole = archive_path(name)
    return whole.with_suffix(".zip.part")
