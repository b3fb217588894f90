"""German texts use the words of docs/reference/words.md, and address people with Sie."""

import gettext
import re
from pathlib import Path

import pytest

from web.assets import catalogues_compile

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "words.md"
#: Words that the page forbids, without those that are allowed in another sense.
NOT = (
    "Ablesung",
    "Kennwort",
    "Anmeldekennwort",
    "Mailadresse",
    "Alarm",
    "stillgelegt",
    "Besitzer",
    "Board",
)
NOT += ("Operator", "beansprucht", "verlegt", "Stelle", "Strom")


def texts() -> dict[str, str]:
    catalogues_compile()
    found = {}
    for path in [*ROOT.glob("fleet/*/locale/de/LC_MESSAGES/django.mo"), *ROOT.glob("web/locale/de/*/django.mo")]:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog
        found |= {f"{path.parents[3].name}: {key}": str(text) for key, text in catalogue.items() if key}
    return found


def test_there_is_much_to_look_at():
    assert len(texts()) > 1_000


@pytest.mark.parametrize("word", NOT)
def test_a_forbidden_german_word_is_used_nowhere(word):
    assert word[:6] in PAGE.read_text()
    pattern = re.compile(rf"\b{word}(?:e|en|er|s|es|n)?\b")
    assert [key for key, text in texts().items() if pattern.search(text)] == []


def test_nobody_is_addressed_with_du():
    pattern = re.compile(r"\b(?:du|dich|dir|dein(?:e|en|em|er|es)?|Du|Dich|Dir|Dein(?:e|en|em|er|es)?)\b")
    assert [key for key, text in texts().items() if pattern.search(text)] == []


def rows() -> list[list[str]]:
    """The table's cells: English, meaning, German, not in German."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_word_is_there_once_with_its_german():
    english = [word for row in rows() for word in re.sub(r"\(.*?\)", "", row[0]).split(", ")]
    assert len(english) == len(set(english))
    assert all(len(row) == 4 and row[0] and row[2] for row in rows())
    german = [row[2] for row in rows()]
    assert len(german) == len(set(german)), "two terms have the same German word"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_german_word_is_in_use(row):
    words = set(re.findall(r"[A-Za-zÄÖÜäöüß-]{3,}", row[2].split(":")[0])) - {"der", "die", "das"}
    said = " ".join(texts().values()).lower()
    assert any(re.search(rf"\b{word.lower()[: max(3, len(word) - 2)]}", said) for word in words)


#: Names that two packages share: Django wants `Command`; a view of the API is named for its resource; a station
#: is a station on both ends of the wire; and the two command lines, which share no code, refuse wrong use alike.
SHARED = {"Command", "Station", "WrongUse"}


def test_a_class_name_means_one_thing():
    places: dict[str, list[str]] = {}
    for package in ("fleet", "formats", "message_queue", "operations", "sg_status", "station_agent", "web", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            for name in re.findall(r"^class ([A-Z]\w*)", path.read_text(), re.MULTILINE):
                places.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 400
    assert {
        name: found for name, found in places.items() if len(found) > 1 and name not in SHARED | {"Migration"}
    } == {}
