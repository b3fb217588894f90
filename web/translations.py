"""Searching for texts without a translation, and for translations that nothing shows. It does not need gettext."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from web.languages import languages_found
from web.texts import command_texts

ROOT = Path(__file__).resolve().parent.parent
#: Packages with texts for people. Stations and the command line speak English.
PACKAGES = ("web", "rest_api", "sg_status", "workers", "fleet")
#: Calls that mark a text, with the position of the text among their arguments; a context precedes it.
CALLS = {"_": 0, "gettext": 0, "gettext_lazy": 0, "ngettext": 0, "ngettext_lazy": 0, "pgettext": 1, "pgettext_lazy": 1}
_STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
#: A marked text in Django's conversion of a template for xgettext.
_MARKED = re.compile(rf"\b(_|n?gettext|pgettext)\(\s*({_STRING})(?:\s*,\s*({_STRING}))?")

#: A context and a text. Contexts distinguish equal English texts; most texts have None.
Text = tuple[str | None, str]


def translated_languages() -> list[str]:
    """The languages that have a catalogue."""
    return [code for code, _name in languages_found(ROOT) if code != "en"]


def texts_missing(language: str, asked: set[Text]) -> list[str]:
    """Texts in `asked` that are shown in English, because no catalogue of the language has them."""
    return sorted({text for _context, text in asked - set(texts_known(language))})


def texts_idle(language: str, asked: set[Text]) -> list[str]:
    """A language's entries whose text is not in `asked`, each with its catalogue: nothing shows them any more."""
    known = texts_known(language)
    return sorted(f"{known[entry]}: {entry[1]}" for entry in known.keys() - asked)


def texts_known(language: str) -> dict[Text, str]:
    """Every text translated into a language, with the path of its catalogue."""
    return {
        (entry.msgctxt, entry.msgid): str(path.relative_to(ROOT))
        for path in [*ROOT.glob(f"web/locale/{language}/*/*.po"), *ROOT.glob(f"fleet/*/locale/{language}/*/*.po")]
        for entry in polib.pofile(str(path)).translated_entries()
    }


def texts_asked() -> set[Text]:
    """Every text that code, templates and the contracts of commands mark for translation."""
    found: set[Text] = {(None, text) for text in command_texts()}
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            found.update(python_texts(source.read_text("utf-8")))
        for folder in (ROOT / package).rglob("templates"):
            for template in folder.rglob("*.*"):
                found.update(template_texts(template.read_text("utf-8")))
    return found


def python_texts(source: str) -> Iterator[Text]:
    """The marked texts of a module."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS):
            continue
        place = CALLS[node.func.id]
        words = [word.value if isinstance(word, ast.Constant) else None for word in node.args[: place + 1]]
        if len(words) > place and all(isinstance(word, str) for word in words):
            yield (str(words[0]) if place else None), str(words[place])


def template_texts(source: str) -> Iterator[Text]:
    """The marked texts of a template."""
    for call, first, second in _MARKED.findall(templatize(source)):
        if call == "pgettext":
            yield ast.literal_eval(first), ast.literal_eval(second)
        else:
            yield None, ast.literal_eval(first)
