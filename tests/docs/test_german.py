"""A text without German is shown in English, listed and counted, and fails no run of the tests."""

import io

import polib
import pytest
from django.core.management import CommandError, call_command
from django.template import Context, Template
from django.utils import translation

from web import german
from web.texts import command_texts

ROOT = german.ROOT
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
    monkeypatch.setattr(german, "ROOT", tmp_path)
    monkeypatch.setattr(german, "command_texts", lambda: ["Blink"])


def listed(*words):
    out = io.StringIO()
    call_command("german", *words, stdout=out)
    return out.getvalue().splitlines()


def test_what_code_templates_and_commands_show_without_german_is_listed(project):
    assert listed() == [
        "no German: %(n)s heron's nest",
        "no German: Bill",
        "no German: Blink",
        "no German: Nests",
        "shown nowhere: web/locale/de/LC_MESSAGES/django.po: Bill",
        "4 texts have no German, 1 German text is shown nowhere.",
    ]


def test_a_release_fails_while_something_is_listed(project):
    with pytest.raises(CommandError, match="4 texts have no German"):
        listed("--check")


def test_texts_of_every_kind_are_found():
    asked = german.texts_asked()
    assert len(asked) > 1_500
    assert (None, "Stations") in asked
    assert any(text in asked for text in ((None, label) for label in command_texts()))
    assert any(context is not None for context, _ in asked)
    assert any("%(" in text for _, text in asked)


def test_a_text_without_german_is_shown_in_english():
    with translation.override("de"):
        assert Template(MANY).render(Context({"n": 1})).strip() == "1 heron's nest"
