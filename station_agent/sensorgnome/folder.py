"""The data folder of a Sensorgnome: which files exist, grow, are finished, or belong to another station.

A file is *followed* when a file of the same source and boot has a later start in its name. Modification times are only
a hint: a clock may be wrong, and a copy may have any. So a finished file can be reopened: if it has grown, or its
compressed form unpacks to more than was read, reading continues.
"""

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from formats.sensorgnome.account import OpenAccount
from formats.sensorgnome.found import NO_FILE, key_of
from formats.sensorgnome.names import (
    FileName,
    file_name_parse,
    is_foreign,
    name_show,
    other_file_reason,
    packed_end_cut,
)
from formats.sensorgnome.packing import Checked
from formats.sensorgnome.position import FilePosition
from message_queue.contracts.file import FileState

#: Seconds a followed file must have been unchanged to count as finished.
STILL_SECONDS = 30.0
#: Seconds in which a folder's modification time may hide a second change.
_MTIME_GRAIN = 10.0
#: Seconds after which a seemingly unchanged folder is scanned again: a file in it may have grown.
LOOK_AGAIN = 600.0
#: Seconds by which a start in a name may be ahead of this clock and still be believed.
AHEAD = 86_400.0
#: Maximum finished files that are checked each time, because they may continue.
_WATCHED_MOST = 64
#: Maximum nesting of folders: V1 writes SGdata/<boot count>/<day>.
_DEPTH_MOST = 6
#: Why a file that its station will rename on closing is not read: its lines would be sent under both names.
RENAMED = "The station is still writing it. It is read once the station has closed it and given it a date."
_CLOSED = "The station has closed it and given it a date."
_UNREAD = "It was removed before the station closed it, so its last lines were not read."
#: Why deeper folders are not read.
_DEEP = f"It is more than {_DEPTH_MOST} folders deep and is not read: move it up, or replay it."


@dataclass
class DataFile:
    """One data file on disk. `changed` is the monotonic time of its last observed change."""

    key: str
    path: Path
    name: FileName
    position: FilePosition
    account: OpenAccount = field(default_factory=OpenAccount)
    size: int = 0
    mtime: float = 0.0
    changed: float = 0.0
    unread_since: float | None = None
    #: It was seen to grow.
    has_grown: bool = False
    #: It could not be read and is not tried again before this monotonic time.
    retry_at: float = 0.0
    failures: int = 0
    #: Its state when nothing more could be done with it.
    looked: tuple[object, ...] = ()
    checked: Checked | None = None
    checked_as: tuple[int, float] = (0, 0.0)

    @property
    def compressed(self) -> bool:
        """True if the name ends like a compressed file's."""
        return packed_end_cut(self.path.name) != self.path.name

    @property
    def unread(self) -> int:
        """Unread bytes on disk; for a compressed file its whole size until it is done."""
        if self.position.done and self.size == self.position.size:
            return 0
        if self.compressed:
            return self.size
        return max(self.size - self.position.offset, 0)


class OtherFile(NamedTuple):
    """A file in the folder that is not read: another station's, or not the recorder's at all."""

    key: str
    size: int
    state: FileState
    reason: str
    start: int = 0
    #: Whether it may contain data of this station.
    counts: bool = True


@dataclass
class Seen:
    """The result of one scan of the folder."""

    gone: list[DataFile] = field(default_factory=list)
    fresh: list[DataFile] = field(default_factory=list)
    others: list[OtherFile] = field(default_factory=list)


class Folder:
    """Watches the folder and all folders in it. Scans changed folders again, and all of them now and then."""

    def __init__(
        self,
        root: Path,
        positions: dict[str, FilePosition],
        *,
        finished_after: float,
        serials: frozenset[str] = frozenset(),
        others: Iterable[OtherFile] = (),
    ) -> None:
        self.root = root
        self._positions = positions
        self._finished_after = finished_after
        self._serials = serials
        self._scanned: dict[Path, tuple[float, float]] = {}
        self._others = {other.key: other for other in others}
        #: Compressed files beside their plain form, by the monotonic time at which they were first seen.
        self._pairs: dict[Path, float] = {}
        #: Files that the station is still writing: those seen in this look, with their inodes; those found gone in it;
        #: and for each, its inode and the latest moment at which a file of its kind had been closed when it was new.
        self._open: dict[str, int] = {}
        self._gone: list[str] = []
        self._begun: dict[str, tuple[int, int]] = {}
        #: Latest start of each source and boot.
        self._latest: dict[tuple[str, str, str], int] = {}
        self.active: dict[str, DataFile] = {}
        #: Finished files that may continue: no file followed them yet, or they grew during a scan.
        self._watched: dict[str, DataFile] = {}

    def look(self) -> Seen:
        """Find new files, new sizes, and files that disappeared."""
        seen, now = Seen(), time.monotonic()
        again = min((at for _, at in self._scanned.values()), default=now)
        for folder, mtime in list(self._folders(seen)):
            known = self._scanned.get(folder)
            is_old = known is not None and known[1] == again and now - again > LOOK_AGAIN
            # A second change may share the same modification time.
            is_fresh = known is not None and now - known[1] < _MTIME_GRAIN and mtime > time.time() - 2 * _MTIME_GRAIN
            if known is None or known[0] != mtime or is_old or is_fresh:
                self._scan(folder, seen)
                self._scanned[folder] = (mtime, known[1] if known and is_fresh and known[0] == mtime else now)
        self._open_end(seen)
        seen.gone = [file for file in list(self.active.values()) if not self._refresh(file)]
        for file in list(self._watched.values()):
            self._watch(file)
        return seen

    def _folders(self, seen: Seen) -> Iterator[tuple[Path, float]]:
        """The root and the folders below it with their modification times; no folder twice, whatever links exist."""
        met: set[tuple[int, int]] = set()
        waiting = [(self.root, 0)]
        while waiting:
            folder, depth = waiting.pop(0)
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in met:
                    continue
                met.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as found:
                    inner = sorted(entry.name for entry in found if entry.is_dir())
                if depth < _DEPTH_MOST:
                    waiting += [(folder / name, depth + 1) for name in inner]
                else:
                    for name in inner:
                        self._other(seen, folder / name, _DEEP)
            except OSError as error:
                self._other(seen, folder, f"The folder cannot be read: {error.strerror or error}.")
                continue
            self._other_end(seen, key_of(folder, self.root), "It can be read now.")
            yield folder, status.st_mtime

    def _scan(self, folder: Path, seen: Seen) -> None:
        try:
            with os.scandir(folder) as found:
                here = {entry.name: None if entry.is_dir() else entry.is_file() for entry in found}
        except OSError as error:
            self._other(seen, folder, f"The folder cannot be read: {error.strerror or error}.")
            return
        regular = {name: is_file for name, is_file in here.items() if is_file is not None}
        place = name_show(str(folder.relative_to(self.root)))
        before = {key for key in self._others if (key.rpartition("/")[0] or ".") == place}
        # An unreadable folder still exists.
        before -= {key_of(folder / name, self.root) for name in here.keys() - regular.keys()}
        for entry in sorted(regular):
            self._sort(folder / entry, regular, seen)
            before.discard(key_of(folder / entry, self.root))
        for key in before:
            self._other_end(seen, key, "It was removed.")

    def _open_end(self, seen: Seen) -> None:
        """Forget files that the station was still writing and that are gone: closed, or removed before."""
        for key in self._gone:
            other, line = self._others.pop(key, None), _line_of(key)
            _inode, before = self._begun.pop(key, (0, None))
            # If it was open when the agent last stopped, only a file that is new now can be its closed form.
            is_closed = before is not None and self._latest.get(line, 0) > before
            is_closed = is_closed or any(file.name.is_table and _line_of(file.key) == line for file in seen.fresh)
            state: FileState = "done" if is_closed else "gone"
            words, start = _CLOSED if is_closed else _UNREAD, other.start if other else 0
            seen.others.append(OtherFile(key, 0, state, words, start, counts=False))
        self._gone.clear()
        for key, inode in self._open.items():
            if key not in self._begun or self._begun[key][0] != inode:
                self._begun[key] = inode, self._latest.get(_line_of(key), 0)
        self._open.clear()

    def _other_end(self, seen: Seen, key: str, why: str) -> None:
        """Forget a file that was not being read and is gone."""
        if key in self._others and self._others[key].state == "open":
            # Its closed form may be in a folder that is looked at later.
            self._gone.append(key)
        elif (other := self._others.pop(key, None)) is not None:
            seen.others.append(OtherFile(key, 0, "gone", f"{why} {other.reason}", other.start, counts=False))

    def _sort(self, path: Path, regular: dict[str, bool], seen: Seen) -> None:
        """Classify a file: this station's data, another station's, or something else."""
        name = file_name_parse(path.name)
        if name is None or not regular[path.name]:
            reason, counts = other_file_reason(path.name) if regular[path.name] else NO_FILE
            self._other(seen, path, reason, counts=counts)
            return
        if is_foreign(name, self._serials):
            reason = f"It is named for another station, {name.serial}."
            self._other(seen, path, reason, state="foreign", start=name.start, counts=False)
            return
        if name.is_unnamed:
            self._open[key_of(path, self.root)] = _inode(path)
            self._other(seen, path, RENAMED, state="open")
            return
        plain = packed_end_cut(path.name)
        if plain == path.name or plain not in regular:
            self._consider(key_of(path, self.root), path, name, seen)
        elif self._is_pair(path):
            self._consider(name_show(str(path.relative_to(self.root))), path, name, seen)

    def _is_pair(self, path: Path) -> bool:
        """Whether a compressed file has been beside its plain form for longer than compressing takes."""
        now = time.monotonic()
        return now - self._pairs.setdefault(path, now) > LOOK_AGAIN / 2

    def _other(
        self, seen: Seen, path: Path, reason: str, *, state: FileState = "refused", start: int = 0, counts: bool = True
    ) -> None:
        other = OtherFile(key_of(path, self.root), max(_size(path), 0), state, reason, start, counts)
        if self._others.get(other.key) != other:
            self._others[other.key] = other
            seen.others.append(other)

    def _consider(self, key: str, path: Path, name: FileName, seen: Seen) -> None:
        """Add a file unless it is finished and unchanged since."""
        if name.start <= (time.time() + AHEAD) * 1_000_000:
            line = (name.source, name.serial, name.boot)
            self._latest[line] = max(self._latest.get(line, 0), name.start)
        known = self.active.get(key)
        if known is not None:
            if not known.path.exists():
                known.path = path
            return
        position = self._positions.get(key, FilePosition())
        if key in self._watched:
            return
        if position.done and position.size == _size(path):
            file = DataFile(key, path, name, position, size=position.size)
            if not self.is_followed(file):
                self._watch_add(file)
            return
        file = DataFile(key, path, name, position)
        if self._refresh(file):
            # A file has been unchanged for as long as its modification time says, as far as the clock can be believed.
            file.changed = time.monotonic() - max(time.time() - file.mtime, 0.0)
            file.has_grown = False
            self.active[key] = file
            seen.fresh.append(file)

    def _watch(self, file: DataFile) -> None:
        """Check a finished file that may continue."""
        if _size(file.path) == file.position.size:
            return
        self._watched.pop(file.key, None)
        found = _other_form(file)
        if found is not None:
            file.path = found[0]
            self._refresh(file)
            file.changed = time.monotonic()
            self.active[file.key] = file

    def _refresh(self, file: DataFile) -> bool:
        """Update size and modification time; return False if the file is gone and no other form of it has appeared."""
        try:
            status = file.path.stat()
        except OSError:
            found = _other_form(file)
            if found is None:
                self.active.pop(file.key, None)
                return False
            file.path, status = found
        if (status.st_size, status.st_mtime) != (file.size, file.mtime):
            file.changed = time.monotonic()
            file.has_grown = file.has_grown or status.st_size > file.size
        file.size, file.mtime = status.st_size, status.st_mtime
        return True

    def is_followed(self, file: DataFile) -> bool:
        """Whether its source has started a later file in the same boot."""
        line = (file.name.source, file.name.serial, file.name.boot)
        return 0 < file.name.start < self._latest.get(line, 0)

    def is_finished(self, file: DataFile) -> bool:
        """Whether the file appears to be final: compressed, followed, or unchanged for long."""
        still = time.monotonic() - file.changed
        if file.compressed or still >= self._finished_after:
            return True
        return self.is_followed(file) and still >= STILL_SECONDS

    def is_still(self, file: DataFile) -> bool:
        """Whether the file has been unchanged long enough to count as finished in any case."""
        return time.monotonic() - file.changed >= self._finished_after

    def finish(self, file: DataFile) -> None:
        """Stop reading a finished file, but keep checking it: names and clocks may be wrong, and it may continue."""
        self._positions[file.key] = file.position
        self.active.pop(file.key, None)
        self._watch_add(file)

    def _watch_add(self, file: DataFile) -> None:
        """Check this file each time.

        If there are too many, unfollowed ones stay longest; the rest are checked with their folders.
        """
        if len(self._watched) >= _WATCHED_MOST:
            followed = (key for key, known in self._watched.items() if self.is_followed(known) and not known.has_grown)
            self._watched.pop(next(followed, next(iter(self._watched))))
        self._watched[file.key] = file

    def work(self) -> list[DataFile]:
        """The files with work to do: growing ones first, then finished ones, oldest first."""
        return sorted(self.active.values(), key=lambda f: (self.is_finished(f), f.name.start, f.key))


def _line_of(key: str) -> tuple[str, str, str]:
    """Source, serial and boot from the name."""
    name = file_name_parse(key.rpartition("/")[2])
    return (name.source, name.serial, name.boot) if name else ("", "", "")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _other_form(file: DataFile) -> tuple[Path, os.stat_result] | None:
    """The same file, compressed or unpacked since it was last seen."""
    plain = packed_end_cut(file.path.name)
    for name in (plain, *(f"{plain}.{end}" for end in ("gz", "bz2", "xz", "lz"))):
        path = file.path.with_name(name)
        try:
            return path, path.stat()
        except OSError:
            continue
    return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
