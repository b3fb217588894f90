"""The subcommands of `./roost` that Django runs, in this process, with common errors reported in one sentence."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO, cast

from operations.instance import Instance
from operations.paths import REPOSITORY
from operations.settings_env import interactive_environment
from station_agent.waiting_line import waiting

#: The subcommands, each with its help.
DJANGO_WORDS = {
    "manage": "Run Django's own commands with this instance's settings.",
    "station": "Add, list, show and revoke stations. See `./roost station --help`.",
    "organization": "Add, list, delete and restore organizations. See `./roost organization --help`.",
    "user": "Add and list people, and set passwords. See `./roost user --help`.",
    "key": "Add, list and revoke API keys. See `./roost key --help`.",
    "card": "Survey the card of a station, and send what is not here yet. See `./roost card --help`.",
    "export": "Write what stations recorded to a folder, as a data package. See `./roost export --help`.",
}
#: Subcommands that take a while and ask no questions, so a waiting line is shown.
_WAITED_FOR = frozenset({"station", "organization", "key"})


class _Ending(io.TextIOBase):
    """A stream that ends the waiting line on the terminal before the first output."""

    def __init__(self, stream: TextIO, end: Callable[[], None]) -> None:
        self._stream = stream
        self._end = end

    def write(self, text: str) -> int:
        """End the waiting line, then write to the stream."""
        self._end()
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()


def django_prepare(word: str, *words: str) -> None:
    """Put the instance's settings into this process's environment. Django must be loaded only after that."""
    instance = Instance.load()
    # Only `manage analyst` gets the superuser's login, because it makes logins for analysts.
    is_administering = (word, *words[:1]) == ("manage", "analyst")
    extra = {"ROOST_DATABASE_ADMIN_URL": instance.postgres.superuser_url} if is_administering else {}
    environment = interactive_environment(instance, extra)
    os.environ.clear()
    os.environ.update(environment)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # The environment asks Python for this too, but this process had already started.
            stream.reconfigure(encoding="utf-8", write_through=True)


def django_answer(word: str, *words: str) -> int:
    """Run a command of Django or of the domain; return its exit code."""
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415 - as above
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import OperationalError  # noqa: PLC0415

    # Roost's own commands resolve files from the current folder, Django's from the repository.
    if word == "manage":
        os.chdir(REPOSITORY)
    arguments = ["./roost manage", *words] if word == "manage" else ["./roost", word, *words]
    try:
        if word in _WAITED_FOR:
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
