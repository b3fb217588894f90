"""`manage german`: list texts without German, and German that nothing shows."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from web.german import texts_idle, texts_missing


class Command(BaseCommand):
    """The state of the German translation."""

    help = "List texts that have no German yet, and German that nothing shows any more. Contributors may leave both."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option of a release."""
        parser.add_argument("--check", action="store_true", help="fail if anything is listed: before a release")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print both lists and their lengths."""
        missing, idle = texts_missing(), texts_idle()
        for text in missing:
            self.stdout.write(f"no German: {text}")
        for text in idle:
            self.stdout.write(f"shown nowhere: {text}")
        lacks = "text has" if len(missing) == 1 else "texts have"
        shows = "text is" if len(idle) == 1 else "texts are"
        summary = f"{len(missing)} {lacks} no German, {len(idle)} German {shows} shown nowhere."
        if options["check"] and (missing or idle):
            raise CommandError(summary)
        self.stdout.write(summary)
