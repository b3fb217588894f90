"""The words for each event that we know, by its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.core.spoken import count_words
from message_queue.contracts.bursts import BURST_EVENT
from sg_status.event_words.data import Data, precise_words
from sg_status.words import bytes_words

#: The kinds by which a page filters, in its order; `other` is everything without words of its own.
KINDS: Final[dict[str, Promise]] = {
    "clock": gettext_lazy("Clock"),
    "radios": gettext_lazy("Radios"),
    "files": gettext_lazy("Files"),
    "station": gettext_lazy("Station"),
    "other": pgettext_lazy("events", "Other"),
}
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Words:
    """One event in words. `several` makes one sentence of many in a row; without it, each has its own row."""

    kind: str
    icon: str
    say: Callable[[Data], str]
    several: Callable[[Sequence[Data]], str] | None = None
    #: Whether nobody needs to know: routine events are folded apart and are not among the latest happenings.
    is_routine: Callable[[Data], bool] = lambda _data: False
    #: Somebody may want to look.
    is_bad: bool = False


def _always(_data: Data) -> bool:
    return True


def _clock(data: Data) -> str:
    digits, step = data.number("digits"), data.number("step") or 0.0
    if digits is None or digits < 0:
        return _("Clock checked: no time source keeps it right.")
    words = {"error": precise_words(10.0 ** -min(digits, 9)), "step": precise_words(abs(step))}
    if abs(step) >= 1:
        return _("Clock moved by %(step)s, now within %(error)s.") % words
    return _("Clock checked, within %(error)s.") % words


def _clocks(several: Sequence[Data]) -> str:
    known = [digits for data in several if (digits := data.number("digits")) is not None]
    words = {"n": count_words(len(several)), "error": precise_words(10.0 ** -min(max(min(known, default=0), 0), 9))}
    if not known or min(known) < 0:
        return ngettext("%(n)s clock check: no time source", "%(n)s clock checks: no time source", len(several)) % words
    return ngettext("%(n)s clock check, within %(error)s", "%(n)s clock checks, within %(error)s", len(several)) % words


def _clock_is_kept(data: Data) -> bool:
    return (data.number("digits") or 0) >= 0 and abs(data.number("step") or 0.0) < 1


def _clock_step(data: Data) -> str:
    step = data.number("step_s") or 0.0
    shape = _("Its clock was set forward by %(duration)s, from %(before)s to %(after)s.")
    if step < 0:
        shape = _("Its clock was set back by %(duration)s, from %(before)s to %(after)s.")
    return shape % {
        "duration": data.duration("step_s"),
        "before": data.time("before"),
        "after": data.time("after"),
    }


def _clock_jump(data: Data) -> str:
    return _("Its clock moved against ours: it was %(before)s, now it is %(after)s.") % {
        "before": _side(data, "before_s"),
        "after": _side(data, "after_s"),
    }


def _side(data: Data, name: str) -> str:
    offset = data.number(name) or 0.0
    shape = _("%(duration)s ahead") if offset > 0 else _("%(duration)s behind")
    return shape % {"duration": data.duration(name)}


def _clock_wrong(data: Data) -> str:
    offset = data.number("offset_s") or 0.0
    shape = _("Its clock says %(shows)s and is %(duration)s behind ours. Its reports use our time until it is set.")
    if offset < 0:
        shape = _(
            "Its clock says %(shows)s and is %(duration)s ahead of ours. Its reports use our time until it is set."
        )
    text = shape % {"shows": data.time("shows"), "duration": data.duration("offset_s")}
    if data.number("first_seq") is not None:
        text += " " + _("Messages %(first)s to %(last)s, since %(since)s, have the wrong times.") % {
            "first": data.text("first_seq"),
            "last": data.text("last_seq"),
            "since": data.time("since"),
        }
    return text


def _setting(data: Data) -> str:
    words = {"param": data.text("param"), "value": data.text("value"), "error": data.text("error")}
    if data.number("error_code") or not _is_set(data):
        return _("Setting %(param)s to %(value)s failed: %(error)s.") % words
    return _("%(param)s set to %(value)s.") % words


def _is_set(data: Data) -> bool:
    return not data.number("error_code") and data.text("error") in ("\u2013", "0")


def _filter(data: Data) -> str:
    return _("Heard %(pulses)s pulses in %(duration)s; %(used)s of them were in %(bursts)s bursts.") % {
        "pulses": count_words(data.count("pulses")),
        "duration": data.duration("duration_s"),
        "used": count_words(data.count("used")),
        "bursts": count_words(data.count("bursts")),
    }


def _unparsed(data: Data) -> str:
    words = {"text": data.text("text"), "why": data.text("why")}
    if words["why"] != "\u2013":
        return _("A line of its files could not be read (%(why)s): “%(text)s”.") % words
    return _("A line of its files could not be read: “%(text)s”.") % words


def _files_foreign(data: Data) -> str:
    files = data.count("files")
    return ngettext(
        "%(n)s file belongs to another station and is left alone: %(first)s (%(why)s).",
        "%(n)s files belong to another station and are left alone, the first is %(first)s (%(why)s).",
        files,
    ) % {"n": count_words(files), "first": data.text("first"), "why": data.text("why").rstrip(".")}


def _rows_left_out(data: Data) -> str:
    count = data.count("count")
    return ngettext(
        "%(n)s row was left out (%(rows)s, from %(first)s): %(reason)s.",
        "%(n)s rows were left out (%(rows)s, from %(first)s): %(reason)s.",
        count,
    ) % {
        "n": count_words(count),
        "rows": data.text("rows"),
        "first": data.text("first_at"),
        "reason": data.text("reason"),
    }


def _values_left_out(data: Data) -> str:
    count = data.count("count")
    return ngettext(
        "%(n)s value of %(series)s was left out: %(reason)s.",
        "%(n)s values of %(series)s were left out: %(reason)s.",
        count,
    ) % {"n": count_words(count), "series": data.text("series"), "reason": data.text("reason")}


def _file_replaced(data: Data) -> str:
    unread = data.count("bytes_unread")
    words = {
        "file": data.text("file"),
        "lines": count_words(data.count("lines_sent")),
        "unread": bytes_words(unread),
    }
    if unread:
        return (
            _(
                "Another file took the name %(file)s. %(lines)s lines of the old one had been sent; its last %(unread)s had not been read."
            )
            % words
        )
    return _("Another file took the name %(file)s. %(lines)s lines of the old one had been sent.") % words


def _outbox_rebuilt(data: Data) -> str:
    count = data.count("messages_lost")
    words = {
        "file": data.text("set_aside"),
        "n": data.text("commands_saved"),
        "lost": data.text("lost"),
        "count": count_words(count),
    }
    rebuilt = (
        _(
            "Its outbox was damaged and set aside as %(file)s; a new one began with %(n)s commands from the old one. Its "
            "files are read again."
        )
        % words
    )
    if count:
        return f"{rebuilt} {_('Messages in the old one that were not sent: %(count)s (%(lost)s).') % words}"
    return rebuilt


def _counted(data: Data) -> str:
    pulses = data.count("pulses")
    data.used.add("port")
    shape = ngettext("%(n)s pulse of the hour from %(hour)s", "%(n)s pulses of the hour from %(hour)s", pulses)
    return shape % {"n": count_words(pulses), "hour": data.time("hour")}


WORDS: Final[dict[str, Words]] = {
    "clock": Words("clock", "clock", _clock, _clocks, is_routine=_clock_is_kept),
    "clock_step": Words("clock", "clock", _clock_step),
    "clock_jump": Words("clock", "clock", _clock_jump),
    "clock_wrong": Words("clock", "clock", _clock_wrong, is_bad=True),
    "clock_right": Words(
        "clock",
        "clock",
        lambda data: _("Its clock is right again; it says %(shows)s.") % {"shows": data.time("shows")},
    ),
    "setting": Words(
        "radios",
        "waves",
        _setting,
        lambda several: (
            ngettext("%(n)s setting applied", "%(n)s settings applied", len(several)) % {"n": count_words(len(several))}
        ),
        is_routine=_is_set,
    ),
    "filter": Words(
        "radios",
        "waves",
        _filter,
        lambda several: (
            ngettext(
                "%(n)s report of the pulse filter, %(pulses)s pulses",
                "%(n)s reports of the pulse filter, %(pulses)s pulses",
                len(several),
            )
            % {"n": count_words(len(several)), "pulses": count_words(sum(data.count("pulses") for data in several))}
        ),
        is_routine=_always,
    ),
    BURST_EVENT: Words(
        "radios",
        "waves",
        lambda data: _("Decoded a burst of code %(code)s.") % {"code": data.text("code")},
        is_routine=_always,
    ),
    "unparsed": Words(
        "files",
        "check",
        _unparsed,
        lambda several: (
            ngettext("%(n)s line that could not be read", "%(n)s lines that could not be read", len(several))
            % {"n": count_words(len(several))}
        ),
        is_bad=True,
    ),
    "file_damaged": Words(
        "files",
        "check",
        lambda data: (
            _("The file %(file)s is damaged (%(why)s). %(lines)s lines of it were read.")
            % {
                "file": data.text("file"),
                "why": data.text("why").rstrip("."),
                "lines": count_words(data.count("lines_read")),
            }
        ),
        is_bad=True,
    ),
    "files_foreign": Words("files", "note", _files_foreign),
    "file_truncated": Words(
        "files",
        "note",
        lambda data: (
            _("The file %(file)s lost its end: it has %(to)s left of %(from)s.")
            % {
                "file": data.text("file"),
                "from": bytes_words(data.count("from")),
                "to": bytes_words(data.count("to")),
            }
        ),
    ),
    "file_replaced": Words("files", "note", _file_replaced),
    "file_gone": Words(
        "files",
        "check",
        lambda data: (
            _("The file %(file)s disappeared; %(size)s of it had not been read.")
            % {"file": data.text("file"), "size": bytes_words(data.count("bytes_unread"))}
        ),
        is_bad=True,
    ),
    "pulses_counted_late": Words(
        "files",
        "note",
        lambda data: _("%(pulses)s came after that hour's count had been sent.") % {"pulses": _counted(data)},
    ),
    "pulses_counted_unset_clock": Words(
        "files",
        "note",
        lambda data: _("%(pulses)s were counted while its clock was not set.") % {"pulses": _counted(data)},
    ),
    "rows_left_out": Words("files", "check", _rows_left_out, is_bad=True),
    "values_left_out": Words("files", "check", _values_left_out, is_bad=True),
    "outbox_rebuilt": Words("station", "check", _outbox_rebuilt, is_bad=True),
    "command_unreadable": Words(
        "station",
        "cmd",
        lambda data: _("It received something that is not a command: %(why)s") % {"why": data.text("why")},
        is_bad=True,
    ),
    "login_rotated": Words(
        "station",
        "link",
        lambda data: _("It uses its new login %(login)s.") % {"login": data.text("username")},
    ),
    "login_kept": Words(
        "station",
        "link",
        lambda data: _("It keeps its old login: %(why)s") % {"why": data.text("why")},
    ),
}


def names_of(kind: str) -> list[str]:
    """Names of the events of a kind, without bursts, of which there can be thousands an hour."""
    return [name for name, words in WORDS.items() if words.kind == kind and name != BURST_EVENT]
