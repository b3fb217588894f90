"""Entry point of the command line, `python -m operations`: what a person is told when a word cannot be answered."""

import errno
import os
import sys
from pathlib import Path

from operations.django_words import DJANGO_WORDS, django_answer, django_prepare
from operations.errors import OperationsError
from operations.paths import Paths

#: Errors for a folder that belongs to another user, is read-only, or does not exist.
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)


def main(words: list[str]) -> int:
    """Run one subcommand. Wrong use prints one sentence and returns 2; a refusal prints one and returns 1."""
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    try:
        if words and words[0] in DJANGO_WORDS:
            django_prepare(*words)
        else:
            # These need three hundred modules more, and Django's words none of them: a third of the time of `station show`.
            from operations.cli import main as answer  # noqa: PLC0415

            return answer(words)
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
    """What to tell a person about the folder of the instance, if it is the trouble."""
    folder = Paths.from_environment().var
    if error.errno == errno.ENOSPC:
        return f"The disk that holds {folder} is full: free some space and start again."
    if error.errno in NOT_WRITABLE and Path(os.fsdecode(error.filename or "")).is_relative_to(folder):
        reason = (error.strerror or "").lower()
        return f"{error.filename} cannot be written ({reason}): choose another folder with ROOST_VAR."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
