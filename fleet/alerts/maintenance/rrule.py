"""Recurrence rules (RFC 5545) that people type: read into parts, or refused with a sentence.

Roost supports no parts that can make a rule empty in a way that only a search through all years would show: BYYEARDAY,
BYWEEKNO, BYSETPOS outside of months, and numbered weekdays of a year. People who plan work need none of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from typing import Final

from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput

#: Nobody writes a longer rule by hand.
LENGTH_MOST: Final = 200
COUNT_MOST: Final = 1_000
INTERVAL_MOST: Final = 1_000
FREQUENCIES: Final = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS: Final = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS")
)
_UNTIL: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_DAY: Final = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}", re.ASCII)
#: Every month has each weekday at least this often.
_WEEKDAY_LEAST: Final = 4


@dataclass(frozen=True, slots=True)
class RecurrenceRule:
    """A rule in parts; empty: not given. `days`: pairs of place in the month (0: every one) and weekday (0: Monday)."""

    frequency: str
    interval: int
    count: int | None
    until: datetime | None
    week_start: int
    months: frozenset[int]
    month_days: frozenset[int]
    days: frozenset[tuple[int, int]]
    hours: frozenset[int]
    minutes: frozenset[int]
    places: frozenset[int]


def rrule_text(typed: str) -> str:
    """One line in capitals, without `RRULE:`. Raises `InvalidInput` if it is more than one line, or too long."""
    lines = typed.strip().splitlines()
    if len(lines) > 1:
        raise rrule_refused(_("A recurrence rule must be one line, such as FREQ=WEEKLY;BYDAY=TU."))
    text = (lines[0] if lines else "").strip().upper().removeprefix("RRULE:").strip(";")
    if len(text) > LENGTH_MOST:
        raise rrule_refused(_("A recurrence rule has at most %(most)d characters.") % {"most": LENGTH_MOST})
    return text


def rrule_read(text: str, zone: tzinfo) -> RecurrenceRule:
    """The parts of a rule; its end is on the clocks of `zone`. Raises `InvalidInput` with a sentence."""
    parts = _parts(text)
    frequency = parts.get("FREQ", "")
    if frequency in {"SECONDLY", "MINUTELY"}:
        raise rrule_refused(
            _("Maintenance can recur every hour at most. Use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY.")
        )
    if frequency not in FREQUENCIES:
        raise rrule_refused(_("Say how often it recurs: FREQ=HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY."))
    if "COUNT" in parts and "UNTIL" in parts:
        raise rrule_refused(_("Use either COUNT or UNTIL, not both."))
    rule = RecurrenceRule(
        frequency=frequency,
        interval=_one(parts, "INTERVAL", INTERVAL_MOST) or 1,
        count=_one(parts, "COUNT", COUNT_MOST),
        until=_until(parts["UNTIL"], zone) if "UNTIL" in parts else None,
        week_start=_week_start(parts.get("WKST", "MO")),
        months=_numbers(parts, "BYMONTH", 1, 12),
        month_days=_numbers(parts, "BYMONTHDAY", -31, 31) - {0},
        days=_days(parts),
        hours=_numbers(parts, "BYHOUR", 0, 23),
        minutes=_numbers(parts, "BYMINUTE", 0, 59),
        places=_numbers(parts, "BYSETPOS", -31, 31) - {0},
    )
    _together_check(rule)
    return rule


def rrule_refused(sentence: str) -> InvalidInput:
    """The refusal of a rule."""
    return InvalidInput(sentence, field="rrule")


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name not in _PARTS or name in found:
            raise rrule_refused(
                _("%(part)s cannot be part of a recurrence rule here. A rule looks like FREQ=WEEKLY;BYDAY=TU,TH.")
                % {"part": repr(part[:40])}
            )
        found[name] = value
    return found


def _together_check(rule: RecurrenceRule) -> None:
    """Refuse parts that do not go together: some are not defined, and with others the rule could be empty."""
    is_of_month = rule.frequency == "MONTHLY" or (rule.frequency == "YEARLY" and bool(rule.months))
    has_places = any(place for place, _day in rule.days)
    if has_places and (not is_of_month or rule.month_days):
        raise rrule_refused(
            _(
                "A weekday with a number, such as 2TU, needs FREQ=MONTHLY, or FREQ=YEARLY with BYMONTH; and no BYMONTHDAY."
            )
        )
    if rule.month_days and rule.frequency == "WEEKLY":
        raise rrule_refused(_("BYMONTHDAY does not go with FREQ=WEEKLY. Use FREQ=MONTHLY."))
    if rule.places:
        is_clear = rule.frequency == "MONTHLY" and rule.days and not has_places and not rule.month_days
        most = _WEEKDAY_LEAST * len(rule.days)
        if not is_clear or len(rule.hours) > 1 or len(rule.minutes) > 1 or max(map(abs, rule.places)) > most:
            raise rrule_refused(
                _("BYSETPOS needs FREQ=MONTHLY with weekdays, such as FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1.")
            )


def _one(parts: Mapping[str, str], name: str, most: int) -> int | None:
    found = _numbers(parts, name, 1, most)
    if len(found) > 1:
        raise _number_refusal(name, 1, most)
    return next(iter(found), None)


def _numbers(parts: Mapping[str, str], name: str, least: int, most: int) -> frozenset[int]:
    if name not in parts:
        return frozenset()
    found = set()
    for text in parts[name].split(","):
        number = int(text) if _NUMBER.fullmatch(text) else None
        if number is None or not least <= number <= most or (number == 0 and least < 0):
            raise _number_refusal(name, least, most)
        found.add(number)
    return frozenset(found)


def _number_refusal(name: str, least: int, most: int) -> InvalidInput:
    return rrule_refused(
        _("%(name)s must be a number from %(least)d to %(most)d.") % {"name": name, "least": least, "most": most}
    )


def _days(parts: Mapping[str, str]) -> frozenset[tuple[int, int]]:
    found = set()
    for text in parts["BYDAY"].split(",") if "BYDAY" in parts else ():
        told = _DAY.fullmatch(text)
        if told is None:
            raise rrule_refused(_("BYDAY must be weekdays, such as MO,WE,FR, or the second Tuesday as 2TU."))
        found.add((int(told[1] or 0), WEEKDAYS.index(told[2])))
    return frozenset(found)


def _week_start(text: str) -> int:
    if text not in WEEKDAYS:
        raise rrule_refused(_("WKST must be a weekday, such as MO or SU."))
    return WEEKDAYS.index(text)


def _until(value: str, zone: tzinfo) -> datetime:
    """The last moment of a rule on the wall clock; a day counts to its end, and `Z` stands for UTC."""
    told = _UNTIL.fullmatch(value)
    try:
        if told is not None and told[2] is None:
            return datetime.combine(datetime.strptime(told[1], "%Y%m%d"), time(23, 59, 59))  # noqa: DTZ007 - a wall clock
        if told is not None:
            read = datetime.strptime(told[1] + told[2], "%Y%m%d%H%M%S")  # noqa: DTZ007 - as above
            return read.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if told[3] else read
    except (ValueError, OverflowError):
        pass
    raise rrule_refused(_("UNTIL must be a day like 20271231 or a time like 20271231T120000Z."))
