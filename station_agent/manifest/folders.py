"""The data folders whose files are listed, by what the names of their files begin with."""

from collections.abc import Iterable
from pathlib import Path

from formats.paths import path_of_text


def folders_read(main: str, also: Iterable[str]) -> dict[str, Path]:
    """The recorder's folder, whose files have no beginning, and the others as `~name`, numbered if two share it."""
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
    """The path of the file of this name."""
    path = path_of_text(name)
    prefix, _, below = path.partition("/")
    return folders[prefix] / below if prefix and prefix in folders else folders[""] / path
