"""Names that look like others: letters of several scripts in one word, and names that only their code tells apart.

The table of letters is that of Unicode (UTS 39, confusables), by way of a library.
"""

import re
import unicodedata
from functools import lru_cache

from confusable_homoglyphs import categories, confusables
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

#: Scripts whose letters are shaped alike. Japanese and Korean mix others, and mean no harm.
_ALIKE = frozenset({"ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "GEORGIAN", "GREEK", "LATIN"})
_WORD = re.compile(r"[^\W\d_]+")
#: Of which the table knows one way only. A small i is among them for its capital, which looks like a small l.
_SAME = (("1Iil|\u04c0\u04cf", "l"), ("0Oo", "o"))
#: What two letters look like together.
_PAIRS = (("rn", "m"), ("vv", "w"))


def scripts_check(text: str, *, field: str) -> None:
    """Raise `InvalidInput` where a word mixes letters of scripts that look alike."""
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        scripts = sorted(categories.unique_aliases(word) & _ALIKE)
        if len(scripts) > 1:
            raise InvalidInput(
                _("%(word)s mixes letters of several scripts (%(scripts)s), so it could pass for another name.")
                % {"word": repr(word[:40]), "scripts": ", ".join(script.title() for script in scripts)},
                field=field,
            )


def look_of(text: str) -> str:
    """What a name looks like: equal for names that people take for one another."""
    look = "".join(map(_letter_look, unicodedata.normalize("NFKC", text.strip()))).casefold()
    for pair, single in _PAIRS:
        look = look.replace(pair, single)
    return " ".join(look.split())


@lru_cache(maxsize=4_096)
def _letter_look(letter: str) -> str:
    """The plainest of the letters that look like this one."""
    found = confusables.is_confusable(letter, greedy=True) or []
    like = {letter, *(other["c"] for each in found for other in each["homoglyphs"])}
    for letters, plainest in _SAME:
        if letter in letters:
            return plainest
    plain = sorted(each for each in like if len(each) == 1 and each.isascii() and each.isalnum())
    return plain[0] if plain else letter
