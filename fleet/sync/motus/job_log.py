"""The log of a job at Motus, read file by file: Motus sets bad files aside and still reports the job as done.

Motus' check of files writes a line such as `Error: these 2 files are full of zeroes:`, and indented names below it;
if many files are full of zeroes, only five names, then `...`. Other parts of a job name a file within a line.
"""

from collections.abc import Iterable
from typing import Any, Final

from fleet.sync.adapters.clients.motus import plain
from fleet.sync.motus.archive import bare_name

#: Words in lines about files that Motus does not use.
_SET_ASIDE: Final = ("zeroes", "corrupt", "are empty", "is empty", "ignoring files", "set aside", "can't determine")


def files_said(files: Iterable[dict[str, Any]], log: str) -> list[dict[str, Any]]:
    """The files of an upload, with the log's remark on each in `said`, and `is_set_aside` if Motus does not use it."""
    told = _told(log)
    found = []
    for each in files:
        said = told.get(each["name"]) or next((words for words in _naming(log, each["name"])), "")
        is_set_aside = any(words in said.casefold() for words in _SET_ASIDE)
        found.append({**each, "said": said} | ({"is_set_aside": True} if is_set_aside else {}))
    return found


def _told(log: str) -> dict[str, str]:
    """For each file name on an indented line, the heading above it."""
    heading, told = "", dict[str, str]()
    for line in log.splitlines():
        text = line.strip()
        if line[:1].isspace() and heading:
            told[text] = told[bare_name(text)] = heading
        elif text.endswith(":"):
            heading = plain(text.removesuffix(":"))
        elif not text.startswith("("):
            heading = ""
    return told


def _naming(log: str, name: str) -> list[str]:
    """Lines that name the file among other words, the last first."""
    return [plain(line) for line in reversed(log.splitlines()) if name in line and line.strip() != name]
