"""`manage makemessages --all`: Django's command with our paths, and the texts of the station commands added."""

from pathlib import Path
from typing import Any

import polib
from django.core.management.commands import makemessages

from web.texts import command_texts

#: Folders that are not ours, or whose texts are not shown on the site.
_IGNORED = ["var/*", "node_modules/*", "tests/*", "station_agent/*", "operations/*", "web/static/*"]
#: Source of the command texts. gettext cannot find them, because nothing marks them there.
_WORDS_FROM = "message_queue/contracts/commands"

_SITE, _DOMAIN = "web/locale", "fleet/*/locale"


class Command(makemessages.Command):
    """Writes one catalogue per language, without line numbers, so that a diff shows only changed texts."""

    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching", "--width=120"]
    msguniq_options = [*makemessages.Command.msguniq_options, "--width=120"]
    msgattrib_options = [*makemessages.Command.msgattrib_options, "--width=120"]
    xgettext_options = [*makemessages.Command.xgettext_options, "--width=120"]

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect the texts, then add those of the command contracts."""
        options["ignore_patterns"] = [*options["ignore_patterns"], *_IGNORED]
        options["no_location"], options["no_obsolete"] = True, True
        before = {path: {entry.msgid: entry.msgstr for entry in polib.pofile(str(path))} for path in _catalogues(_SITE)}
        super().handle(*args, **options)
        for path in _catalogues(_SITE):
            words_add(path, before.get(path, {}))
        for path in [*_catalogues(_SITE), *_catalogues(_DOMAIN)]:
            headers_drop(path)


def words_add(catalogue: Path, before: dict[str, str]) -> None:
    """Add the command texts to a catalogue; existing translations stay."""
    messages = polib.pofile(str(catalogue), wrapwidth=120)
    for text in command_texts():
        if messages.find(text) is None:
            messages.append(polib.POEntry(msgid=text, msgstr=before.get(text, ""), comment=_WORDS_FROM))
    messages.save(str(catalogue))


def headers_drop(catalogue: Path) -> None:
    """Remove headers that change with every run and carry no information."""
    messages = polib.pofile(str(catalogue), wrapwidth=120)
    for name in ("POT-Creation-Date", "Report-Msgid-Bugs-To", "PO-Revision-Date"):
        messages.metadata.pop(name, None)
    messages.save(str(catalogue))


def _catalogues(folder: str) -> list[Path]:
    return sorted(Path().glob(f"{folder}/*/LC_MESSAGES/django.po"))
