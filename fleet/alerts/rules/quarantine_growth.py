"""Quarantine growth: many messages of a station cannot be accepted, so its set-up or ours is wrong."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.core.spoken import count_words, moment_words
from fleet.stations.models import Station

NAME = "quarantine_growth"
#: Messages are counted over this span; the incident ends when nothing new arrived for as long.
SPAN = timedelta(hours=1)
#: Messages held for these reasons are held on purpose, and other rules report them.
_EXPECTED = ("over-quota", "forked-stream")


@dataclass(frozen=True, slots=True)
class Held:
    """Messages of one station that are held for the same reason."""

    station_id: int
    reason: str
    messages: int
    first_at: datetime
    newest_at: datetime


def find(moment: datetime) -> list[Finding]:
    """Stations with more messages held in the last hour than is normal, without an open incident."""
    is_open = incidents_of(NAME)
    told = set(is_open.values_list("station_id", flat=True))
    grown: dict[int, list[Held]] = defaultdict(list)
    for held in _held(Station.objects.filter(quarantined__state="held", quarantined__received_at__gt=moment - SPAN)):
        grown[held.station_id].append(held)
    return [
        Finding(station_id, min(held.first_at for held in several))
        for station_id, several in grown.items()
        if station_id not in told and sum(held.messages for held in several) > settings.ROOST_QUARANTINE_GROWTH
    ]


def over(moment: datetime) -> list[Ending]:
    """Incidents of stations with nothing held from the last hour: it is quiet, or everything was decided."""
    opened = dict(incidents_of(NAME).values_list("station_id", "id"))
    recent = Station.objects.filter(
        pk__in=list(opened), quarantined__state="held", quarantined__received_at__gt=moment - SPAN
    )
    still = {held.station_id for held in _held(recent)}
    return [Ending(number, is_told=True) for station_id, number in opened.items() if station_id not in still]


def opening(station: Station, moment: datetime) -> str:
    """Sentence with the number of messages, the commonest reason, and what to do."""
    several = _held_of(station.pk)
    if not several:
        return _("None of its messages are held back any more.")
    total = sum(held.messages for held in several)
    commonest = max(several, key=lambda held: held.messages)
    only_counted = Station.objects.filter(pk=station.pk).aggregate(n=Sum("quarantine_tallies__cut"))["n"] or 0
    said = ngettext(
        "%(n)s of its messages is held back (newest: %(newest)s), mostly for the reason “%(reason)s”. Nothing is "
        "lost: look at one on the “Held back” page, fix the cause, then retry them there.",
        "%(n)s of its messages are held back (newest: %(newest)s), mostly for the reason “%(reason)s”. Nothing is "
        "lost: look at one on the “Held back” page, fix the cause, then retry them there.",
        total,
    ) % {
        "n": count_words(total),
        "newest": moment_words(max(held.newest_at for held in several), moment),
        "reason": commonest.reason,
    }
    if only_counted:
        said += " " + _("Another %(n)s were only counted, not kept, as too many were refused.") % {
            "n": count_words(only_counted)
        }
    return said


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence that no more arrive, and what is left to decide."""
    left = sum(held.messages for held in _held_of(incident.station_id))
    if not left:
        return _("No more of its messages are being held back, and none are left.")
    return ngettext(
        "Its messages no longer go to quarantine. %(n)s is still held there until somebody decides what to do with it.",
        "Its messages no longer go to quarantine. %(n)s are still held there until somebody decides what to do with "
        "them.",
        left,
    ) % {"n": count_words(left)}


def _held_of(station_id: int) -> list[Held]:
    return _held(Station.objects.filter(pk=station_id, quarantined__state="held"))


def _held(stations: QuerySet[Station]) -> list[Held]:
    """Held messages of these stations by station and reason, without those held on purpose. Messages must be joined."""
    rows = (
        stations.order_by("pk")
        .values_list("pk", "quarantined__reason")
        .annotate(Count("quarantined"), Min("quarantined__received_at"), Max("quarantined__received_at"))
    )
    return [Held(*row) for row in rows if row[1] not in _EXPECTED]


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "messages held back"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Many messages held back"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "No more messages held back"),
    opened_several=gettext_lazy(
        "Many messages of %(stations)s cannot be accepted, the first since %(since)s. "
        "First check what changed recently: a new version of the agent, or of Roost."
    ),
    closed_several=gettext_lazy("No more messages of %(stations)s are held back."),
)
