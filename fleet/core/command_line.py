"""Base class of Roost's Django commands: wrong use gives one sentence and exit code 2; `--json` prints data."""

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from fleet.core.errors import DomainError, InvalidInput, NotFound
from fleet.core.requests.origin import origin_begin

WRONG_USE = 2
REFUSED = 1

#: One JSON object to print.
Row = Mapping[str, Any]


class OneSentenceParser(CommandParser):
    """A parser whose error message is one sentence and a pointer to the help."""

    def error(self, message: str) -> NoReturn:
        """Print the sentence and exit."""
        self.exit(WRONG_USE, _sentence(self, message))


class WordCommand(BaseCommand, ABC):
    """A command with subcommands (`station add`). A subclass declares them in `words`, each with a function.

    The functions print their result or raise `DomainError`. Exit code 2 means the caller's input was wrong; every other
    refusal gives 1.
    """

    # The site's system checks load every page; these commands need none of them.
    requires_system_checks: list[str] = []
    #: Django's own options still work, but are hidden from the help: they are of no use to people who look after
    #: stations.
    suppressed_base_arguments = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
        "--force-color",
    }

    @abstractmethod
    def words(self, add: Callable[..., argparse.ArgumentParser]) -> None:
        """Declare the subcommands: `add(name, function, help=…)` returns the parser of one."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one parser per subcommand, each with `--json`."""
        parser.error = lambda message: parser.exit(WRONG_USE, _sentence(parser, message))  # type: ignore[method-assign]
        chosen = parser.add_subparsers(dest="word", required=True, metavar="WORD", parser_class=OneSentenceParser)

        def add(name: str, function: Callable[..., None], **options: Any) -> argparse.ArgumentParser:
            word: argparse.ArgumentParser = chosen.add_parser(name, **options)
            word.add_argument("--json", action="store_true", help="print JSON")
            word.set_defaults(function=function)
            return word

        self.words(add)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Call the subcommand's function and print a refusal as its sentence."""
        try:
            with origin_begin(name="command line"):
                options["function"](options)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(WRONG_USE if isinstance(error, InvalidInput | NotFound) else REFUSED)

    def data_print(self, data: Row | Sequence[Row]) -> None:
        """Print JSON for programs."""
        self.stdout.write(json.dumps(data, indent=2, default=str, ensure_ascii=False))

    def table_print(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table for people, each column as wide as its widest cell."""
        lines = [headings, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
        for line in lines:
            self.stdout.write("  ".join(entry.ljust(width) for entry, width in zip(line, widths, strict=True)).rstrip())


def _sentence(parser: argparse.ArgumentParser, message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}. Help: {parser.prog} --help\n"
