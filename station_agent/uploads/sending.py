"""The part that both ways of uploading share: a file, its bytes, refusals, and the next attempt."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from station_agent.errors import AgentError, ServerAway
from station_agent.uploads.regular import regular_open

#: Seconds between two attempts, first and maximum, doubled each time.
RETRY_FIRST, RETRY_MOST = 1.0, 60.0

Progress = Callable[[int], None]


class FileRefused(AgentError):
    """The server does not take this file; others may pass."""


class FileChanged(FileRefused):
    """The file is no longer the one that was announced."""


class UploadStopped(AgentError):
    """`stop` was called. The server keeps what has arrived."""

    def __init__(self) -> None:
        super().__init__("The upload was stopped.")


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as it was when its SHA-256 was taken. `check` is called whenever sending begins or resumes."""

    path: Path
    name: str
    size: int
    modified: float
    sha256: str
    #: Gets the descriptor of the open file; raises `FileChanged` if it is no longer the same.
    check: Callable[[int], None] | None = None


class FileSender(Protocol):
    """A way to the server."""

    #: Bytes of files that were sent.
    sent: int

    def upload(self, file: LocalFile, progress: Progress) -> str:
        """Upload one file; return `stored` or `known`. Raises `FileRefused`, `ServerAway` and `AgentError`."""

    def stop(self) -> None:
        """Let all uploads raise `UploadStopped` soon."""

    def close(self) -> None:
        """End the connection, if there is one."""


class Attempts:
    """When to try again, and when to give up."""

    def __init__(self, give_up: float, stopping: threading.Event) -> None:
        self._give_up, self._stopping = give_up, stopping
        self.succeeded()

    def succeeded(self) -> None:
        """Note that bytes arrived."""
        self._wait, self._since = RETRY_FIRST, time.monotonic()

    def failed(self, error: ServerAway, *, wait: str = "") -> None:
        """Wait before the next attempt. Raises the error if nothing arrived for too long, and `UploadStopped`."""
        pause = float(wait) if wait.isdigit() else self._wait
        if time.monotonic() - self._since + pause > self._give_up:
            raise error
        if self._stopping.wait(pause):
            raise UploadStopped
        self._wait = min(self._wait * 2, RETRY_MOST)


def blocks_read(file: LocalFile, offset: int, octets: int, block: int) -> Iterator[bytes]:
    """The file's bytes from an offset on, in blocks of at most `block`. Raises `FileRefused` and `FileChanged`."""
    with contextlib.ExitStack() as until_end:
        with _reading():
            opened = until_end.enter_context(regular_open(file.path))
            if file.check is not None:
                file.check(opened.fileno())
            opened.seek(offset)
        left = octets
        while left > 0:
            with _reading():
                # A file that shrank meanwhile is filled up with zeros, so that the server answers that it changed.
                piece = opened.read(min(block, left)) or bytes(min(block, left))
            yield piece
            left -= len(piece)


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Raise `FileRefused` if the disk cannot read it: a bad sector is a problem of its file, not of the link."""
    try:
        yield
    except OSError as error:
        raise FileRefused(f"The station cannot read it: {error.strerror or error}.") from error
