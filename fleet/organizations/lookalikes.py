"""Look-alike names: letters of several scripts in one word, and names that differ only in their code points.

The table of letters is Unicode's (UTS 39, confusables), taken from a library.
"""

import re
import unicodedata
from functools import lru_cache

from confusable_homoglyphs import categories, confusables
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

#: Scripts with letters of similar shape. Japanese and Korean mix other scripts legitimately.
_ALIKE = frozenset({"ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "GEORGIAN", "GREEK", "LATIN"})
_WORD = re.compile(r"[^\W\d_]+")
#: Look-alikes that the table lists in one direction only. Small i is included because its capital looks like a small l.
_SAME = (("1Iil|\u04c0\u04cf", "l"), ("0Oo", "o"))
#: Pairs of letters that look like a single one.
_PAIRS = (("rn", "m"), ("vv", "w"))


def scripts_check(text: str, *, field: str) -> None:
    """Raise `InvalidInput` if a word mixes letters of similar-looking scripts."""
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        scripts = sorted(categories.unique_aliases(word) & _ALIKE)
        if len(scripts) > 1:
            raise InvalidInput(
                _("%(word)s mixes letters of several scripts (%(scripts)s), so it could be mistaken for another name.")
                % {"word": repr(word[:40]), "scripts": ", ".join(script.title() for script in scripts)},
                field=field,
            )


def look_of(text: str) -> str:
    """A key that is equal for names that people would mistake for each other."""
    look = "".join(map(_letter_look, unicodedata.normalize("NFKC", text.strip()))).casefold()
    for pair, single in _PAIRS:
        look = look.replace(pair, single)
    return " ".join(look.split())


@lru_cache(maxsize=4_096)
def _letter_look(letter: str) -> str:
    """The plainest letter that looks like this one."""
    found = confusables.is_confusable(letter, greedy=True) or []
    like = {letter, *(other["c"] for each in found for other in each["homoglyphs"])}
    for letters, plainest in _SAME:
        if letter in letters:
            return plainest
    plain = sorted(each for each in like if len(each) == 1 and each.isascii() and each.isalnum())
    return plain[0] if plain else letter
