"""Each language has complete catalogues. A text without a translation is shown in English, listed and counted."""

import io
import re
from itertools import chain
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.template import Context, Template
from django.utils import translation

from web import languages, translations
from web.texts import command_texts

ROOT = translations.ROOT
LANGUAGES = translations.translated_languages()
FOLDERS = sorted(path for path in [ROOT / "web" / "locale", *ROOT.glob("fleet/*/locale")] if path.is_dir())
#: Packages whose code serves every language alike.
PACKAGES = ("fleet", "formats", "message_queue", "operations", "rest_api", "sg_status", "web", "workers")
MANY = "{% load i18n %}{% blocktranslate count n=n trimmed %}\n {{ n }} heron's nest{% plural %}{{ n }} nests{% endblocktranslate %}"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one module, one template and one catalogue."""
    (tmp_path / "web" / "templates").mkdir(parents=True)
    (tmp_path / "web" / "locale" / "de" / "LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "web" / "module.py").write_text('A = _("Known.")\nB = pgettext("a bird", "Bill")\nC = _(name)\n')
    (tmp_path / "web" / "templates" / "page.html").write_text('{% load i18n %}{% translate "Nests" %}' + MANY)
    catalogue = polib.POFile()
    catalogue.append(polib.POEntry(msgid="Known.", msgstr="Bekannt."))
    catalogue.append(polib.POEntry(msgid="Bill", msgstr="Rechnung"))
    catalogue.append(polib.POEntry(msgid="Nests", msgstr="Nester", flags=["fuzzy"]))
    catalogue.save(str(tmp_path / "web" / "locale" / "de" / "LC_MESSAGES" / "django.po"))
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "command_texts", lambda: ["Blink"])


def listed(*words):
    out = io.StringIO()
    call_command("translations", *words, stdout=out)
    return out.getvalue().splitlines()


def test_what_code_templates_and_commands_show_without_a_translation_is_listed(project):
    assert listed() == [
        "de: not translated: %(n)s heron's nest",
        "de: not translated: Bill",
        "de: not translated: Blink",
        "de: not translated: Nests",
        "de: shown nowhere: web/locale/de/LC_MESSAGES/django.po: Bill",
        "4 translations are missing, 1 is shown nowhere.",
    ]


def test_a_release_fails_while_something_is_listed(project):
    with pytest.raises(CommandError, match="4 translations are missing"):
        listed("--check")


def test_texts_of_every_kind_are_found():
    asked = translations.texts_asked()
    assert len(asked) > 1_500
    assert (None, "Stations") in asked
    assert any(text in asked for text in ((None, label) for label in command_texts()))
    assert any(context is not None for context, _ in asked)
    assert any("%(" in text for _, text in asked)


def test_a_text_without_a_translation_is_shown_in_english():
    with translation.override("de"):
        assert Template(MANY).render(Context({"n": 1})).strip() == "1 heron's nest"


def entries(folder: Path, language: str) -> dict[tuple[str | None, str], polib.POEntry]:
    catalogue = polib.pofile(str(folder / language / "LC_MESSAGES" / "django.po"))
    return {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}


def test_there_is_more_than_one_translation():
    assert {"de", "fr"} <= set(LANGUAGES)
    assert [code for code, _name in settings.LANGUAGES] == ["en", *LANGUAGES]
    assert dict(settings.LANGUAGES)["fr"] == "Français"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_translates_every_text_that_another_language_translates(folder, language):
    found = entries(folder, language)
    wanted = set(chain.from_iterable(entries(folder, other) for other in LANGUAGES))
    assert sorted(text for _context, text in wanted - set(found)) == []
    doubtful = [entry.msgid for entry in found.values() if entry.fuzzy or not entry.translated()]
    assert doubtful == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_plural_form(folder, language):
    catalogue = polib.pofile(str(folder / language / "LC_MESSAGES" / "django.po"))
    forms = int(re.search(r"nplurals=(\d+)", catalogue.metadata["Plural-Forms"])[1])
    short = [e.msgid for e in catalogue if e.msgid_plural and len([t for t in e.msgstr_plural.values() if t]) != forms]
    assert short == []


def test_no_code_names_a_translated_language():
    quoted = re.compile(rf"""["']({"|".join(LANGUAGES)})["']""")
    sources = chain.from_iterable((ROOT / package).rglob("*.*") for package in PACKAGES)
    named = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sources
        if path.suffix in (".py", ".html", ".js") and "vendor" not in path.parts
        for found in quoted.finditer(path.read_text("utf-8"))
    ]
    assert named == []


def test_a_language_is_found_by_its_catalogue_and_named_in_itself(tmp_path):
    for code in ("pt", "xx"):
        catalogue = tmp_path / "web" / "locale" / code / "LC_MESSAGES" / "django.po"
        catalogue.parent.mkdir(parents=True)
        catalogue.touch()
    assert languages.languages_found(tmp_path) == [("en", "English"), ("pt", "Português"), ("xx", "Xx")]
