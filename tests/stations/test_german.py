"""Every sentence of the domain has a German translation with the same placeholders."""

import ast
import re
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parents[2] / "fleet"
PACKAGES = ("core", "organizations", "stations", "deployments", "telemetry")
GAP = re.compile(r"%\(\w+\)[\d.]*[a-z]")


def sentences(package: str) -> set[str]:
    found = set()
    for source in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                found.add(ast.literal_eval(node.args[0]))
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_sentence_has_its_german(package):
    catalogue = polib.pofile(str(ROOT / package / "locale" / "de" / "LC_MESSAGES" / "django.po"))
    translated = {entry.msgid: entry for entry in catalogue.translated_entries()}
    asked = sentences(package)
    assert asked
    assert asked == set(translated)
    for entry in translated.values():
        for english, german in (
            zip((entry.msgid, entry.msgid_plural), entry.msgstr_plural.values(), strict=True)
            if entry.msgid_plural
            else ((entry.msgid, entry.msgstr),)
        ):
            assert sorted(GAP.findall(english)) == sorted(GAP.findall(german))
