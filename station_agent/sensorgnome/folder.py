"""The data folder of a Sensorgnome: which files there are, which grow, which are finished."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from station_agent.sensorgnome.names import FileName, file_name_parse
from station_agent.sensorgnome.positions import Position

#: Seconds for which a file with a newer sibling must have been still to count as finished.
STILL_SECONDS = 30.0
#: Seconds for which a folder's time of change may hide a second change.
_MTIME_GRAIN = 10.0


@dataclass
class DataFile:
    """One data file on the disk. `changed` is the monotonic moment of its last change that we saw."""

    key: str
    path: Path
    name: FileName
    position: Position
    size: int = 0
    mtime: float = 0.0
    changed: float = 0.0
    unread_since: float | None = None

    @property
    def compressed(self) -> bool:
        """True for a `.gz`."""
        return self.path.name.endswith(".gz")

    @property
    def unread(self) -> int:
        """Bytes on the disk that were not read; of a compressed file its whole size until it is done."""
        if self.compressed:
            return 0 if self.position.done else self.size
        return max(self.size - self.position.offset, 0)


def data_files(folder: Path) -> Iterator[tuple[str, Path, FileName]]:
    """Every Sensorgnome file below the folder, oldest first by its name: key, path, name.

    Of a file that is there plain and compressed only the plain one: the compressed one is still being written.
    """
    found: dict[str, tuple[str, Path, FileName]] = {}
    for base, folders, names in os.walk(folder):
        folders.sort()
        for entry in sorted(names):
            name = file_name_parse(entry)
            if name is None:
                continue
            path = Path(base) / entry
            key = str(path.relative_to(folder).with_name(name.name))
            if key not in found or not entry.endswith(".gz"):
                found[key] = (key, path, name)
    yield from sorted(found.values(), key=lambda f: (f[2].start, f[0]))


class Folder:
    """Watches the folder and its day folders. Only what changed is looked at again."""

    def __init__(self, root: Path, positions: dict[str, Position], *, finished_after: float) -> None:
        self.root = root
        self._positions = positions
        self._finished_after = finished_after
        self._scanned: dict[Path, float] = {}
        self.active: dict[str, DataFile] = {}
        self._newest: dict[str, tuple[float, str]] = {}

    def look(self) -> list[str]:
        """Find new files and new sizes. Returns the keys of files that vanished with data unread."""
        now = time.time()
        for folder, mtime in self._folders():
            if self._scanned.get(folder) != mtime or now - mtime < _MTIME_GRAIN:
                self._scan(folder)
                self._scanned[folder] = mtime
        return [key for key in list(self.active) if not self._refresh(self.active[key])]

    def _folders(self) -> Iterator[tuple[Path, float]]:
        """The root and the folders in it with their time of change."""
        try:
            yield self.root, self.root.stat().st_mtime
            with os.scandir(self.root) as entries:
                for entry in entries:
                    if entry.is_dir():
                        yield Path(entry.path), entry.stat().st_mtime
        except OSError:
            return

    def _scan(self, folder: Path) -> None:
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except OSError:
            return
        for entry in names:
            name = file_name_parse(entry)
            if name is None:
                continue
            path = folder / entry
            key = str(path.relative_to(self.root).with_name(name.name))
            known = self.active.get(key)
            if known is not None:
                if not known.path.exists():
                    known.path = path
                continue
            if entry.endswith(".gz") and name.name in names:
                continue
            self._consider(key, path, name)

    def _consider(self, key: str, path: Path, name: FileName) -> None:
        """Take a file up unless it is finished and still as it was then."""
        position = self._positions.get(key, Position())
        if position.done and (path.name.endswith(".gz") or position.size == self._size(path)):
            return
        if position.done:
            position = position._replace(done=False)
        file = DataFile(key, path, name, position)
        if self._refresh(file):
            # A file is as still as its time of change says, as far as the clock can be believed.
            file.changed = time.monotonic() - max(time.time() - file.mtime, 0.0)
            self.active[key] = file

    @staticmethod
    def _size(path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError:
            return -1

    def _refresh(self, file: DataFile) -> bool:
        """Size and time of change as they are now; False when the file is gone and no other form of it came."""
        try:
            status = file.path.stat()
        except OSError:
            other = file.path.with_name(file.name.name + ("" if file.compressed else ".gz"))
            try:
                status = other.stat()
            except OSError:
                self.active.pop(file.key, None)
                return file.unread == 0
            file.path = other
        if (status.st_size, status.st_mtime) != (file.size, file.mtime):
            file.changed = time.monotonic()
        file.size, file.mtime = status.st_size, status.st_mtime
        newest = self._newest.get(file.name.source, (0.0, ""))
        self._newest[file.name.source] = max(newest, (file.mtime, file.key))
        return True

    def is_finished(self, file: DataFile) -> bool:
        """Whether nobody will write to the file again: compressed, followed by another, or still for long."""
        still = time.monotonic() - file.changed
        if file.compressed or still >= self._finished_after:
            return True
        followed = self._newest.get(file.name.source, (0.0, "")) > (file.mtime, file.key)
        return followed and still >= STILL_SECONDS

    def is_still(self, file: DataFile) -> bool:
        """Whether the file has not changed for so long that it counts as finished in any case."""
        return time.monotonic() - file.changed >= self._finished_after

    def finish(self, file: DataFile) -> None:
        """Stop looking at a file that is done."""
        self._positions[file.key] = file.position
        self.active.pop(file.key, None)

    def work(self) -> list[DataFile]:
        """The files with something to do: those that grow first, then the finished ones, oldest first."""
        return sorted(self.active.values(), key=lambda f: (self.is_finished(f), f.mtime, f.key))
