"""`station-agent upload`: every file of a folder to the server, with one line of result for each."""

import hashlib
import json
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from formats.sensorgnome.names import name_show, other_file_reason
from station_agent.uploads.sending import FileChanged, FileRefused, FileSender, LocalFile
from station_agent.words import bytes_say

#: Maximum attempts for a file that changes while it is sent.
_TRIES = 3
_PIECE = 1_048_576
#: A folder of one day, as stations name them: its name is a part of the names of its files.
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)

#: Files that a desk computer sends at once.
AT_ONCE = 3

#: Gets the name of a file, how many bytes are uploaded, and its size.
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result for one file: `stored`, `known`, `kept back` or `refused`, the last two with a reason."""

    name: str
    outcome: str
    size: int = 0
    reason: str = ""


def upload_run(uploader: FileSender, root: Path, tell: Tell, *, at_once: int = 1) -> Iterator[UploadResult]:
    """Upload a file, or all files below a folder, `at_once` at a time; the results are in the order of names.

    More than one at once hides the round trips of small files; `tell` is then called from several threads. Raises
    `ServerAway` if the server stays away.
    """
    unreadable: list[OSError] = []
    running: deque[Future[UploadResult]] = deque()
    with ThreadPoolExecutor(at_once) as threads:
        try:
            for path in _files(root, unreadable):
                running.append(threads.submit(_upload_one, uploader, path, _name(root, path), tell))
                while len(running) >= 2 * at_once:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BaseException:
            uploader.stop()
            threads.shutdown(cancel_futures=True)
            raise
    for error in unreadable:
        reason = f"The folder cannot be read: {error.strerror or error}."
        yield UploadResult(_name(root, Path(error.filename)), "refused", reason=reason)


def result_say(result: UploadResult) -> str:
    """One line for a person."""
    size = f" ({bytes_say(result.size)})" if result.outcome in ("stored", "known") else ""
    return f"{result.name}: {result.outcome}{size}{f'. {result.reason}' if result.reason else ''}"


def total_say(results: list[UploadResult], sent: int) -> str:
    """The last line."""
    count = Counter(result.outcome for result in results)
    parts = ", ".join(f"{count[word]} {word}" for word in ("stored", "known", "kept back", "refused"))
    return f"{len(results)} files: {parts}; {bytes_say(sent)} sent."


def results_json(results: list[UploadResult], sent: int) -> str:
    """Everything for programs."""
    files = [{"file": each.name, "outcome": each.outcome, "size": each.size, "reason": each.reason} for each in results]
    count = Counter(result.outcome for result in results)
    total = {word.replace(" ", "_"): count[word] for word in ("stored", "known", "kept back", "refused")}
    return json.dumps({"files": files, "total": {"files": len(files), **total, "bytes_sent": sent}}, indent=2)


def _upload_one(uploader: FileSender, path: Path, name: str, tell: Tell) -> UploadResult:
    reason, may_be_data = other_file_reason(path.name)
    if reason and not may_be_data:
        return UploadResult(name, "kept back", reason=reason)
    if path.is_symlink() or not path.is_file():
        return UploadResult(name, "refused", reason="It is not a regular file.")
    size = 0

    def progress(there: int) -> None:
        tell(name, there, size)

    for _try in range(_TRIES):
        try:
            file = _look(path, name)
            size = file.size
            outcome = uploader.upload(file, progress)
        except FileChanged:
            continue
        except FileRefused as error:
            return UploadResult(name, "refused", size, str(error))
        except OSError as error:
            return UploadResult(name, "refused", size, f"It cannot be read: {error.strerror or error}.")
        else:
            return UploadResult(name, outcome, size)
    return UploadResult(
        name, "refused", size, "It changed while it was being sent: try again once nothing writes to it."
    )


def _look(path: Path, name: str) -> LocalFile:
    """The file with its SHA-256. If it grows meanwhile, only the bytes read here are sent."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as opened:
        modified = os.fstat(opened.fileno()).st_mtime
        while piece := opened.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return LocalFile(path, name, size, modified, digest.hexdigest())


def _files(root: Path, unreadable: list[OSError]) -> Iterator[Path]:
    """Everything that is not a folder, in the order of names. Links to folders are listed, not followed.

    Folders that cannot be read are noted in `unreadable`.
    """
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=unreadable.append):
        folders.sort()
        here = Path(folder)
        yield from sorted(
            [here / name for name in names] + [here / each for each in folders if (here / each).is_symlink()]
        )


def _name(root: Path, path: Path) -> str:
    """The path below the data folder, even if `root` is the folder of one day or a file in it."""
    below = path.relative_to(root) if path != root else Path(path.name)
    day = (root if path != root else path.parent).resolve().name
    whole = Path(day, below) if _DAY.match(day) else below
    return "/".join(name_show(part) for part in whole.parts)
