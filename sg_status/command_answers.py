"""The answers of stations to commands: a sentence each, with the figures behind it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from fleet.commands.models import Command
from fleet.core.spoken import count_words, duration_words, interval_words
from fleet.stations.contact.health_marks import DISK
from sg_status.event_words.data import precise_words, shown
from sg_status.words import bytes_words, quantity_words

#: From this percentage of memory in use, a station is short of it.
_MEMORY_HIGH: Final = 90.0
#: The note of diagnostics that found nothing.
_NOTHING_WRONG: Final = "The station found nothing wrong with itself."

Result = Mapping[str, Any]


class AnswerFigure(NamedTuple):
    """One figure of an answer: what it is, and its value."""

    name: str
    value: str


def answer_words(command: Command) -> str:
    """A station's answer to a command that succeeded. Without a sentence of our own, the station's note is shown."""
    result = command.result if isinstance(command.result, dict) else {}
    say = _ANSWERS.get(command.name)
    return (say(result, command.note) if say else "") or command.note or pgettext("command", "Done.")


def figures_of(result: object) -> list[AnswerFigure]:
    """Every figure of the answer, known or not."""
    figures = result if isinstance(result, dict) else {}
    return [_figure(str(name), value) for name, value in figures.items() if value is not None]


def _figure(name: str, value: object) -> AnswerFigure:
    known = _FIGURES.get(name)
    if known is None:
        return AnswerFigure(shown(name), shown(value))
    label, words = known
    number = _number(value)
    return AnswerFigure(str(label), words(number) if words is not None and number is not None else shown(value))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _diagnostics(result: Result, note: str) -> str:
    """Troubles first, then the rest."""
    wrong: list[tuple[str, str, float]] = []
    fine: list[tuple[str, str, float]] = []
    disk, memory = _number(result.get("disk_percent")), _number(result.get("memory_percent"))
    if disk is not None:
        (wrong if DISK.is_bad(disk) else fine).append((_("storage is %(percent)s full"), _("storage"), disk))
    if memory is not None:
        (wrong if memory >= _MEMORY_HIGH else fine).append((_("memory is %(percent)s full"), _("memory"), memory))
    told = [shape % {"percent": quantity_words(percent, "%")} for shape, _name, percent in wrong]
    names = [name for _shape, name, _percent in fine]
    if result.get("clock_is_set") is False:
        told.append(_("its clock is not set"))
    elif result.get("clock_is_set") is True:
        names.append(_("clock"))
    sentences = [_capital(get_text_list(told, _("and"))) + "."] if told else []
    if note and note != _NOTHING_WRONG:
        sentences.insert(0, note)
    if names:
        shape = ngettext("%(names)s is fine.", "%(names)s are fine.", len(names))
        sentences.append(_capital(shape % {"names": get_text_list(names, _("and"))}))
    sentences += _counts(result)
    return " ".join(sentences)


def _counts(result: Result) -> list[str]:
    """Radios, and messages that wait or were dropped, as far as they are known."""
    found = []
    radios, waiting = _number(result.get("radios")), _number(result.get("backlog_messages"))
    dropped = _number(result.get("dropped_messages"))
    if radios is not None:
        found.append(
            ngettext("%(n)s radio found.", "%(n)s radios found.", round(radios)) % {"n": count_words(round(radios))}
            if radios
            else _("No radio found.")
        )
    if waiting:
        shape = ngettext("%(n)s message is waiting.", "%(n)s messages are waiting.", round(waiting))
        found.append(shape % {"n": count_words(round(waiting))})
    if dropped:
        shape = ngettext("%(n)s message was dropped.", "%(n)s messages were dropped.", round(dropped))
        found.append(shape % {"n": count_words(round(dropped))})
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _interval(result: Result, _note: str) -> str:
    now, before = _number(result.get("seconds")), _number(result.get("seconds_before"))
    if now is None:
        return ""
    words = {"now": interval_words(now), "before": interval_words(before or now)}
    if before is None or before == now:
        return _("It reports %(now)s.") % words
    return _("It reports %(now)s now, no longer %(before)s.") % words


def _profile(result: Result, _note: str) -> str:
    if not result.get("profile"):
        return ""
    words = {"now": str(result["profile"])[:40], "before": str(result.get("profile_before") or "")[:40]}
    if words["before"] in ("", words["now"]):
        return _("It uses the data profile “%(now)s”.") % words
    return _("It uses the data profile “%(now)s” now, no longer “%(before)s”.") % words


_ANSWERS: Final[dict[str, Callable[[Result, str], str]]] = {
    "ping": lambda _result, _note: _("It answered."),
    "reboot": lambda _result, _note: _("It is rebooting; its next report shows that it is back."),
    "rotate_login": lambda _result, _note: _(
        "It is fetching its new login. The old one works until the new one is in use."
    ),
    "run_diagnostics": _diagnostics,
    "set_profile": _profile,
    "set_reporting_interval": _interval,
}

_Words = Callable[[float], str]

#: A figure's name, and the way it is written.
_FIGURES: Final[dict[str, tuple[str | Promise, _Words | None]]] = {
    "uptime_s": (gettext_lazy("Running for"), duration_words),
    "memory_percent": (gettext_lazy("Memory"), lambda value: quantity_words(value, "%")),
    "disk_percent": (gettext_lazy("Storage"), lambda value: quantity_words(value, "%")),
    "disk_free_bytes": (gettext_lazy("Storage free"), lambda value: bytes_words(round(value))),
    "clock_is_set": (gettext_lazy("Clock is set"), None),
    "clock_code": (gettext_lazy("Clock code"), None),
    "clock_error_s": (gettext_lazy("Clock error"), precise_words),
    "agent_version": (gettext_lazy("Agent"), None),
    "backlog_messages": (gettext_lazy("Messages waiting"), lambda value: count_words(round(value))),
    "backlog_bytes": (gettext_lazy("Bytes waiting"), lambda value: bytes_words(round(value))),
    "dropped_messages": (gettext_lazy("Messages dropped"), lambda value: count_words(round(value))),
    "radios": (gettext_lazy("Radios"), lambda value: count_words(round(value))),
    "reporting_interval_s": (gettext_lazy("Reports"), interval_words),
    "bytes_sent": (gettext_lazy("Sent"), lambda value: bytes_words(round(value))),
    "bytes_received": (gettext_lazy("Received"), lambda value: bytes_words(round(value))),
    "profile": (gettext_lazy("Data profile"), None),
    "profile_before": (gettext_lazy("Data profile before"), None),
    "seconds": (gettext_lazy("Reports"), interval_words),
    "seconds_before": (gettext_lazy("Reported before"), interval_words),
    "secret_hash": (gettext_lazy("Hash of the new secret"), None),
}
