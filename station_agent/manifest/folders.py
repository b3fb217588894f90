"""The data folders whose files are listed, by the prefix of their files' names."""

import errno
from collections.abc import Iterable
from pathlib import Path

from formats.paths import path_of_text

#: Parts of a path that no listing contains; an absolute path begins with an empty part.
_OUTSIDE = {"", ".", ".."}


def folders_read(main: str, also: Iterable[str]) -> dict[str, Path]:
    """The recorder's folder without a prefix, and the others under `~name`, numbered if two share a name."""
    folders = {"": Path(main)}
    for each in also:
        path = Path(each)
        name = prefix = f"~{path.name}"
        number = 1
        while prefix in folders:
            number += 1
            prefix = f"{name}-{number}"
        folders[prefix] = path
    return folders


def file_path(folders: dict[str, Path], name: str) -> Path:
    """The path of the file of this name. Raises OSError for a name that leads out of the data folders, or over a link."""
    path = path_of_text(name)
    if "\x00" in path or not set(path.split("/")).isdisjoint(_OUTSIDE):
        raise OSError(errno.EINVAL, "its name leads out of the data folders")
    prefix, _, below = path.partition("/")
    root, path = (folders[prefix], below) if prefix and prefix in folders else (folders[""], path)
    for inner in Path(path).parents:
        # Files below a link are in no listing, so nobody can ask for them.
        if (root / inner).is_symlink() and inner != Path():
            raise OSError(errno.EINVAL, "a folder of its path is a link")
    return root / path
