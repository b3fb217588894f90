"""Django's command line under Roost's name, with common errors reported in one sentence."""

from __future__ import annotations

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError


def main(arguments: list[str]) -> int:
    """Run a command of Django or of the domain; the first word is the displayed program name."""
    try:
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
