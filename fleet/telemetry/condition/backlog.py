"""Backlog of a station: what it reports as waiting, and when that will have arrived at the current pace."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words, decimal_words, duration_words, moment_words
from fleet.stations.models import Station, StationContact
from fleet.telemetry.models import Reading, Suspicion

SERIES = "health/backlog_messages"
#: The pace is measured over this span before the newest report, or over the last two reports if they are further apart.
_SPAN = timedelta(minutes=30)
#: Reports older than this before the newest one do not count for the pace.
_SPAN_MOST = timedelta(days=2)
_WORDS_MOST = 60


@dataclass(frozen=True, slots=True)
class BacklogTrend:
    """`per_minute`: decrease of the backlog (negative: growth), None if unknown; `left_s`: seconds until it is empty."""

    messages: int
    said_at: datetime
    per_minute: float | None
    left_s: float | None
    sentence: str


def backlog_of(*, station: Station, contact: StationContact | None, moment: datetime) -> BacklogTrend | None:
    """The backlog of a station; None if it never reported one. One query."""
    if contact is None or contact.backlog_messages is None or contact.health_received_at is None:
        return None
    messages, said_at = contact.backlog_messages, contact.health_received_at
    pace = _pace(station, contact.health_occurred_at) if messages else None
    left_s = messages / pace * 60 if pace is not None and pace > 0 else None
    return BacklogTrend(messages, said_at, pace, left_s, _sentence(messages, said_at, pace, left_s, moment))


def _pace(station: Station, newest_at: datetime | None) -> float | None:
    """Messages per minute by which the backlog shrank before the newest report; None with fewer than two reports."""
    if newest_at is None:
        return None
    rows = (
        Reading.objects.filter(
            series__station=station,
            series__name=SERIES,
            occurred_at__gte=newest_at - _SPAN_MOST,
            occurred_at__lte=newest_at,
        )
        .exclude(flags__in=(Suspicion.EPOCH, Suspicion.FUTURE))
        .order_by("-occurred_at")
        .values_list("occurred_at", "value")[:_WORDS_MOST]
    )
    words = list(rows)
    if len(words) < 2:
        return None
    last_at, last = words[0]
    first_at, first = [word for word in words if last_at - word[0] <= _SPAN][-1]
    if first_at == last_at:
        first_at, first = words[1]
    minutes: float = (last_at - first_at).total_seconds() / 60
    return float(first - last) / minutes if minutes > 0 else None


def _sentence(messages: int, said_at: datetime, pace: float | None, left_s: float | None, moment: datetime) -> str:
    if not messages:
        return _("No messages were waiting on the station when it last reported (%(said)s).") % {
            "said": moment_words(said_at, moment)
        }
    waiting = ngettext(
        "%(n)s message was waiting on the station when it last reported (%(said)s).",
        "%(n)s messages were waiting on the station when it last reported (%(said)s).",
        messages,
    ) % {"n": count_words(messages), "said": moment_words(said_at, moment)}
    if pace is None:
        return waiting
    if left_s is None:
        return (
            waiting
            + " "
            + _("The backlog is not shrinking: the station records new messages at least as fast as they arrive here.")
        )
    return (
        waiting
        + " "
        + _("The backlog shrinks by %(pace)s a minute; at that pace it will have arrived in %(left)s.")
        % {"pace": decimal_words(pace, 0 if pace >= 10 else 1), "left": duration_words(left_s)}
    )
