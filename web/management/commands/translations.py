"""`manage translations`: list texts without a translation, and translations of texts that nothing shows."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from web.translations import texts_asked, texts_idle, texts_missing, translated_languages


class Command(BaseCommand):
    """Lists the missing and the unused translations of each language."""

    help = (
        "List texts that lack a translation, and translations that nothing shows any more. Contributors may leave both."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--check`, for releases."""
        parser.add_argument("--check", action="store_true", help="fail if anything is listed: before a release")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print both lists for each language, then their total lengths."""
        asked, missing, idle = texts_asked(), 0, 0
        for language in translated_languages():
            lacking, unseen = texts_missing(language, asked), texts_idle(language, asked)
            for text in lacking:
                self.stdout.write(f"{language}: not translated: {text}")
            for text in unseen:
                self.stdout.write(f"{language}: shown nowhere: {text}")
            missing, idle = missing + len(lacking), idle + len(unseen)
        lack = "translation is" if missing == 1 else "translations are"
        summary = f"{missing} {lack} missing, {idle} {'is' if idle == 1 else 'are'} shown nowhere."
        if options["check"] and (missing or idle):
            raise CommandError(summary)
        self.stdout.write(summary)
