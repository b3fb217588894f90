"""Entry point of the command line, `python -m operations`. It turns common errors into one sentence for people."""

import errno
import os
import select
import signal
import sys
from pathlib import Path

from operations.django_words import DJANGO_WORDS, django_answer, django_prepare
from operations.errors import OperationsError
from operations.paths import Paths

#: Errors for a folder that belongs to another user, is read-only, or does not exist.
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)

#: File descriptor of standard output, whatever `sys.stdout` refers to by then.
STDOUT = 1
#: Exit code after the reader of a pipe has gone, as shells count it.
PIPE_CLOSED = 128 + signal.SIGPIPE


def main(words: list[str]) -> int:
    """Run one subcommand. Wrong use prints one sentence and returns 2; a refusal prints one and returns 1."""
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    is_djangos = bool(words) and words[0] in DJANGO_WORDS
    try:
        if not is_djangos:
            # Imported here, because Django's subcommands do not need it: its 300 modules took a third of the time of
            # `station show`.
            from operations.cli import main as answer  # noqa: PLC0415

            return answer(words)
        django_prepare(*words)
    except OperationsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if (sentence := _trouble_with_folder(error)) is None:
            raise
        print(sentence, file=sys.stderr)
        return 1
    return django_answer(*words)


def _trouble_with_folder(error: OSError) -> str | None:
    """A sentence for a full disk or an unwritable instance folder; None for any other error."""
    folder = Paths.from_environment().var
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {folder} is full: free some space and start again."
    if error.errno in NOT_WRITABLE and Path(os.fsdecode(error.filename or "")).is_relative_to(folder):
        reason = (error.strerror or "").lower()
        return f"{error.filename} cannot be written ({reason}): choose another folder with ROOST_VAR."
    return None


def reader_has_gone() -> bool:
    """Whether standard output is a pipe whose other end is closed, so that nobody can read it."""
    poll = select.poll()
    poll.register(STDOUT, 0)
    return any(event & select.POLLERR for _stream, event in poll.poll(0))


if __name__ == "__main__":
    try:
        CODE = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        if not reader_has_gone():
            # Some other connection broke, and this error is the only report of it.
            raise
        # The reader, such as `head`, has read enough. Python would still flush the rest to it on exit, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        CODE = PIPE_CLOSED
    sys.exit(CODE)
