"""Sentences about files that a station holds and that are not in its list."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.holdings.models import StationHolding


def left_sentences(holding: StationHolding) -> list[str]:
    """A sentence for each reason why files are missing from the list."""
    found = [_left_sentence(reason, int(number)) for reason, number in sorted(holding.left.items()) if number]
    if holding.refused:
        found.append(
            ngettext(
                "%(n)d file does not fit in the list, which holds at most 100,000 files of a station.",
                "%(n)d files do not fit in the list, which holds at most 100,000 files of a station.",
                holding.refused,
            )
            % {"n": holding.refused}
        )
    return found


def _left_sentence(reason: str, number: int) -> str:
    said = {
        "no_data": ngettext(
            "%(n)d file is a computer's own system file.", "%(n)d files are a computer's own system files.", number
        ),
        "link": ngettext("%(n)d link is not followed.", "%(n)d links are not followed.", number),
        "special": ngettext("%(n)d entry is not a regular file.", "%(n)d entries are not regular files.", number),
        "long_name": ngettext(
            "%(n)d file has a path of more than 512 characters: rename it.",
            "%(n)d files have paths of more than 512 characters: rename them.",
            number,
        ),
        "unreadable": ngettext(
            "%(n)d file or folder cannot be read on the station.",
            "%(n)d files or folders cannot be read on the station.",
            number,
        ),
        "deep": ngettext(
            "%(n)d folder is more than 16 folders deep: move it up.",
            "%(n)d folders are more than 16 folders deep: move them up.",
            number,
        ),
    }
    if reason in said:
        return said[reason] % {"n": number}
    return _("%(n)d are not listed for the reason %(reason)s.") % {"n": number, "reason": reason}
