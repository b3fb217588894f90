"""The base of our words on Django's command line: wrong use is one sentence and exit code 2, `--json` prints data."""

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from fleet.core.errors import DomainError, InvalidInput, NotFound
from fleet.core.origin import origin_begin

WRONG_USE = 2
REFUSED = 1

#: One thing to print, as JSON knows it.
Row = Mapping[str, Any]


class OneSentenceParser(CommandParser):
    """A parser that says what was wrong and where help is, and nothing else."""

    def error(self, message: str) -> NoReturn:
        """End with the sentence."""
        self.exit(WRONG_USE, _sentence(self, message))


class WordCommand(BaseCommand, ABC):
    """A command with words of its own (`station add`). A subclass adds them in `words`, each with a function.

    The functions return what to print, or raise `DomainError`: what the caller got wrong ends with 2, else with 1.
    """

    # The site's own checks load every page; a word here needs none of them.
    requires_system_checks: list[str] = []
    #: Django's own options go on working, and are no help to a person who looks after stations.
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
        """Declare the words: `add(name, function, help=…)` returns the parser of one."""

    def add_arguments(self, parser: CommandParser) -> None:
        """One parser a word, each with `--json`."""
        parser.error = lambda message: parser.exit(WRONG_USE, _sentence(parser, message))  # type: ignore[method-assign]
        chosen = parser.add_subparsers(dest="word", required=True, metavar="WORD", parser_class=OneSentenceParser)

        def add(name: str, function: Callable[..., None], **options: Any) -> argparse.ArgumentParser:
            word: argparse.ArgumentParser = chosen.add_parser(name, **options)
            word.add_argument("--json", action="store_true", help="print JSON")
            word.set_defaults(function=function)
            return word

        self.words(add)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Call the word's function; a refusal is its sentence."""
        try:
            with origin_begin(name="command line"):
                options["function"](options)
        except DomainError as error:
            self.stderr.write(str(error))
            sys.exit(WRONG_USE if isinstance(error, InvalidInput | NotFound) else REFUSED)

    def data_print(self, data: Row | Sequence[Row]) -> None:
        """Print data for programs."""
        self.stdout.write(json.dumps(data, indent=2, default=str, ensure_ascii=False))

    def table_print(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows for people, each column as wide as its widest entry."""
        lines = [headings, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
        for line in lines:
            self.stdout.write("  ".join(entry.ljust(width) for entry, width in zip(line, widths, strict=True)).rstrip())


def _sentence(parser: argparse.ArgumentParser, message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}. Help: {parser.prog} --help\n"
