"""Opening only regular files, to read them: a pipe or a device in a file's place must never block a thread."""

import errno
import os
import stat
from pathlib import Path
from typing import IO

#: Do not wait until somebody writes to a pipe. Other systems, which desks may run, lack that flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def regular_open(path: Path) -> IO[bytes]:
    """Open a regular file, unbuffered. Raises OSError for anything else."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise _other(path)
    # It may have become something else since.
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _other(path)
    return os.fdopen(descriptor, "rb", buffering=0)


def _other(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is no regular file", str(path))
