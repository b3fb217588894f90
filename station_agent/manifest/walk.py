"""Walking the data folders, one folder at a time: the files there, and how many are left out for each reason."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from formats.paths import path_text
from formats.sensorgnome.found import key_of
from formats.sensorgnome.names import file_name_parse, other_file_reason

#: Maximum nesting of folders, and the longest path that is listed, as text.
DEPTH_MOST, PATH_MOST = 16, 512


class Signature(NamedTuple):
    """A file has changed if one of these has: bytes, modification time in nanoseconds, or inode."""

    size: int
    mtime: int
    inode: int


class FoundFile(NamedTuple):
    """A file on disk. `name` is its path as text; `account` is the path under which its data is accounted for."""

    name: str
    account: str
    signature: Signature


class FoundFolder(NamedTuple):
    """A folder with the files directly in it. `name` is its path as text, empty for a data folder itself."""

    name: str
    files: list[FoundFile]
    is_readable: bool = True


class Walk:
    """One walk through the data folders. `left` counts by reason what is not listed; links are not followed."""

    def __init__(self, roots: dict[str, Path]) -> None:
        self._roots = roots
        self.left: Counter[str] = Counter()
        #: Latest start in the names of each source and boot; an earlier file of the same counts as followed.
        self.latest: dict[tuple[str, str, str], int] = {}

    def __iter__(self) -> Iterator[FoundFolder]:
        """All folders in the order of their names; the caller may pause between two."""
        for prefix, root in self._roots.items():
            waiting = [(root, 0)]
            while waiting:
                folder, depth = waiting.pop()
                inner: list[Path] = []
                found = self._look(prefix, root, folder, inner)
                if depth < DEPTH_MOST:
                    waiting += [(each, depth + 1) for each in sorted(inner, reverse=True)]
                else:
                    self.left["deep"] += len(inner)
                yield found

    def _look(self, prefix: str, root: Path, folder: Path, inner: list[Path]) -> FoundFolder:
        files: list[FoundFile] = []
        is_readable = True
        place = path_text(_joined(prefix, folder.relative_to(root)))
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        self.left["link"] += 1
                    elif entry.is_dir():
                        inner.append(Path(entry.path))
                    else:
                        try:
                            found = self._file(prefix, root, Path(entry.path))
                        except OSError:
                            # The file is there but cannot be examined, so nothing in this folder counts as gone.
                            self.left["unreadable"] += 1
                            found, is_readable = None, False
                        files += [found] if found else []
        except OSError:
            self.left["unreadable"] += 1
            return FoundFolder(place, files, is_readable=False)
        return FoundFolder(place, files, is_readable)

    def _file(self, prefix: str, root: Path, path: Path) -> FoundFile | None:
        """The file, or None if it is not listed. Raises OSError if it cannot be examined."""
        reason, may_be_data = other_file_reason(path.name)
        parsed = file_name_parse(path.name)
        if parsed is None and reason and not may_be_data:
            self.left["no_data"] += 1
            return None
        name = path_text(_joined(prefix, path.relative_to(root)))
        if len(name) > PATH_MOST:
            self.left["long_name"] += 1
            return None
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            # It disappeared since the folder was read; the next walk will not see it.
            return None
        if not stat.S_ISREG(status.st_mode):
            self.left["special"] += 1
            return None
        if parsed is not None:
            line = (parsed.source, parsed.serial, parsed.boot)
            self.latest[line] = max(self.latest.get(line, 0), parsed.start)
        return FoundFile(name, key_of(path, root), Signature(status.st_size, status.st_mtime_ns, status.st_ino))


def _joined(prefix: str, relative: Path) -> str:
    below = "" if relative == Path() else str(relative)
    return f"{prefix}/{below}" if prefix and below else prefix or below
