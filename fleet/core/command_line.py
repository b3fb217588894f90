"""Base class of Roost's Django commands: wrong use gives one sentence and exit code 2; `--json` prints data."""

import argparse
import json
import re
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandParser

from fleet.core.errors import DomainError, InvalidInput, NotFound
from fleet.core.requests.origin import origin_begin

WRONG_USE = 2
REFUSED = 1
#: Narrowest column of a table that does not fit the terminal.
_COLUMN_LEAST = 8

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
        """Declare the subcommands: `add(name, function, help=…)` returns the parser of the new one."""

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
        """Print a table for people. On a terminal, its widest columns are cut to fit; elsewhere nothing is cut."""
        lines = [headings, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
        if self.stdout.isatty():
            widths = widths_fit(widths, shutil.get_terminal_size().columns)
        for line in lines:
            cells = (_cut(entry, width).ljust(width) for entry, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def widths_fit(widths: Sequence[int], room: int) -> list[int]:
    """Column widths that fit a table into `room` characters; the widest columns shrink first."""
    fitting = list(widths)
    while sum(fitting) + 2 * (len(fitting) - 1) > room and max(fitting) > _COLUMN_LEAST:
        widest = fitting.index(max(fitting))
        fitting[widest] -= 1
    return fitting


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _sentence(parser: argparse.ArgumentParser, message: str) -> str:
    """The parser's complaint as a sentence that says what to do."""
    chosen = re.fullmatch(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message)
    surplus = re.fullmatch(r"unrecognized arguments: (.*)", message)
    missing = re.fullmatch(r"the following arguments are required: (.*)", message)
    if chosen:
        known = chosen[3].replace("'", "").split(", ")
        message = f"there is no {chosen[1]} {chosen[2]!r}{_similar(chosen[2], known) or ': choose ' + _listed(known)}"
    elif surplus:
        word = surplus[1].split()[0]
        kind = f"there is no option {word}" if word.startswith("-") else f"{word!r} is one word too many"
        message = f"{kind}{_similar(word, _options(parser))}"
    elif missing:
        known = _words(parser) if missing[1] == "WORD" else []
        verb = "are" if ", " in missing[1] else "is"
        message = f"{missing[1]} {verb} missing{': ' + _listed(known) if known else ''}"
    end = "" if message.endswith("?") else "."
    return f"{message[:1].upper()}{message[1:].rstrip('.')}{end} Help: {parser.prog} --help\n"


def _similar(word: str, known: Sequence[str]) -> str:
    found = get_close_matches(word, known, n=1)
    return f". Did you mean {found[0]}?" if found else ""


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """The subcommands of a parser."""
    return [word for below in _below(parser) for word in below]


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its subcommands."""
    own = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001 - no other way
    return own + [option for below in _below(parser) for each in below.values() for option in _options(each)]


def _below(parser: argparse.ArgumentParser) -> list[dict[str, argparse.ArgumentParser]]:
    actions = parser._actions  # noqa: SLF001 - no other way
    return [action.choices for action in actions if isinstance(action.choices, dict)]
