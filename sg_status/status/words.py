"""The words of a status page: the sentence on top, and the past of each station in words."""

import math
from collections import Counter

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words, moment_words
from fleet.stations.contact.sentences import state_word
from fleet.status_pages.standing import UNKNOWN, ItemStanding, Standing
from sg_status.shapes import STATES

#: The class and the icon of each state of the whole page.
SHAPES = {"ok": ("ok", "ontime"), "trouble": ("silent", "silent"), UNKNOWN: ("gone", "never")}


def verdict_words(standing: Standing) -> str:
    """The answer to "is anything wrong", as one sentence."""
    if not standing.items:
        return _("Nothing is shown here yet.") if not standing.open_notices else _("A notice is open.")
    if standing.silent:
        told = ngettext("%(silent)s of %(all)s is silent.", "%(silent)s of %(all)s are silent.", standing.silent)
        return told % {"silent": count_words(standing.silent), "all": count_words(len(standing.items))}
    if standing.open_notices:
        return _("All report as expected. A notice is open.") if _is_all_known(standing) else _("A notice is open.")
    if standing.state == UNKNOWN:
        return _("Of some, nothing can be said at the moment.")
    return _("All report as expected.")


def _is_all_known(standing: Standing) -> bool:
    return standing.down_since is None and all(item.state not in (UNKNOWN, "never_seen") for item in standing.items)


def down_words(standing: Standing) -> str:
    """A sentence that Roost itself is down, and since when; empty while it is not."""
    if standing.down_since is None:
        return ""
    return _("Roost itself has been down since %(since)s. Silence in this time is not counted.") % {
        "since": moment_words(standing.down_since, standing.moment)
    }


def badge_words(standing: Standing) -> str:
    """The state of the page in a few words."""
    if standing.state == "ok":
        return _("all on time")
    if standing.silent:
        told = ngettext("%(silent)s of %(all)s silent", "%(silent)s of %(all)s silent", standing.silent)
        return told % {"silent": count_words(standing.silent), "all": count_words(len(standing.items))}
    return _("notice open") if standing.open_notices else _("unknown")


def item_word(item: ItemStanding) -> str:
    """The state of a station or site in a word."""
    return _("unknown") if item.state == UNKNOWN else state_word(item.state)


def item_shape(item: ItemStanding) -> tuple[str, str]:
    """Its class and its icon."""
    return SHAPES[UNKNOWN] if item.state == UNKNOWN else STATES[item.state]


def percent_words(share: float | None) -> str:
    """A share from 0 to 1 as whole percent, rounded down, so that 100 % means that nothing is missing."""
    return "" if share is None else _("%(percent)d %% arrived") % {"percent": math.floor(share * 100)}


def past_words(item: ItemStanding) -> str:
    """The bars in words, for people who cannot see them."""
    counts = Counter(day.kind for day in item.days)
    said = {
        "ok": ngettext("%(n)s day complete", "%(n)s days complete", counts["ok"]),
        "part": ngettext("%(n)s day with gaps", "%(n)s days with gaps", counts["part"]),
        "silent": ngettext("%(n)s day silent", "%(n)s days silent", counts["silent"]),
        "asleep": ngettext("%(n)s day asleep by plan", "%(n)s days asleep by plan", counts["asleep"]),
        "down": ngettext("%(n)s day on which Roost was down", "%(n)s days on which Roost was down", counts["down"]),
        UNKNOWN: ngettext("%(n)s day unknown", "%(n)s days unknown", counts[UNKNOWN]),
    }
    return ", ".join(words % {"n": count_words(counts[kind])} for kind, words in said.items() if counts[kind])
