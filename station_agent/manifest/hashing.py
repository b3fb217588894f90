"""Hashing files without being noticed: a slice at a time, a small share of one core, and no trace in the cache."""

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import IO

from station_agent.manifest.walk import FoundFile, Signature
from station_agent.uploads.regular import regular_open

#: Bytes of one read, seconds of one slice, and how many times longer than the slice the rest after it is.
_PIECE, SLICE_SECONDS, REST_FACTOR = 131_072, 0.1, 9.0


class Hashing:
    """The SHA-256 of one file, over as many slices as it takes. Raises OSError where it cannot be read."""

    def __init__(self, file: FoundFile, path: Path) -> None:
        self.file = file
        self._digest = hashlib.sha256()
        self._opened: IO[bytes] = regular_open(path)

    def advance(self) -> str | None:
        """Read for one slice. Return None until the end, then the SHA-256, or empty text if the file changed."""
        until = time.monotonic() + SLICE_SECONDS
        while piece := self._opened.read(_PIECE):
            self._digest.update(piece)
            if time.monotonic() >= until:
                return None
        is_same = signature_read(self._opened.fileno()) == self.file.signature
        self.close()
        return self._digest.hexdigest() if is_same else ""

    def close(self) -> None:
        """Stop, and drop the pages that were read: the recorder and the database need the memory more."""
        if not self._opened.closed:
            with contextlib.suppress(OSError, AttributeError):
                os.posix_fadvise(self._opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._opened.close()


def signature_read(descriptor: int) -> Signature:
    """The signature of an open file."""
    status = os.fstat(descriptor)
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)
