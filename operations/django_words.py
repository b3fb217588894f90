"""Django's command line under Roost's name, with common errors reported in one sentence."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

from station_agent.waiting_line import waiting

#: Words whose commands take a while and ask nothing.
_WAITED_FOR = frozenset({"station", "organization", "key"})


class _Ending(io.TextIOBase):
    """A stream that ends the line on the terminal before the first word of a result."""

    def __init__(self, stream: TextIO, end: Callable[[], None]) -> None:
        self._stream = stream
        self._end = end

    def write(self, text: str) -> int:
        """Write to the stream itself."""
        self._end()
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream itself."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream itself is a terminal."""
        return self._stream.isatty()


def main(arguments: list[str]) -> int:
    """Run a command of Django or of the domain; the first word is the displayed program name."""
    try:
        if arguments[1:2] and arguments[1] in _WAITED_FOR:
            with waiting("Working …") as end:
                sys.stdout = cast("TextIO", _Ending(sys.stdout, end))
                sys.stderr = cast("TextIO", _Ending(sys.stderr, end))
                execute_from_command_line(arguments)
        else:
            execute_from_command_line(arguments)
    except OperationalError:
        print(
            "The database does not answer: start Roost with `./roost up`; if it is running, see `./roost logs postgres`.",
            file=sys.stderr,
        )
        return 1
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
