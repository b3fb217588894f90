"""Targets of a package: they take its files, and keep count of size and SHA-256 while these are written."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol


class Counted:
    """A file that is written once from the start: it passes everything on, and keeps count of size and SHA-256."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")
        self._file.write(view)
        self._sum.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        """The number of bytes written."""
        return self.bytes

    def flush(self) -> None:
        """Do nothing: the file below is synced and closed at its end."""

    def close(self) -> None:
        """Do nothing: the target closes its files."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of everything written so far."""
        return self._sum.hexdigest()


class Target(Protocol):
    """Takes the files of a package, one after the other."""

    def open(self, name: str) -> AbstractContextManager[Counted]:
        """Begin the file called `name`; the previous one must be finished."""
        ...


class FolderTarget:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def open(self, name: str) -> Iterator[Counted]:
        """Begin a file."""
        with (self._folder / name).open("xb") as file:
            yield Counted(file)
