"""Quarantine growth: many messages of a station cannot be taken, so something is wrong with its set-up or with ours."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule
from fleet.core.spoken import moment_words
from fleet.stations.models import Station

NAME = "quarantine_growth"
#: Counted over so long; over again when nothing new came for as long.
SPAN = timedelta(hours=1)
#: These are held on purpose, and other rules tell of them.
_EXPECTED = ("over-quota", "forked-stream")


@dataclass(frozen=True, slots=True)
class Held:
    """Messages of one station that are held for one reason."""

    station_id: int
    reason: str
    messages: int
    first_at: datetime
    newest_at: datetime


def find(moment: datetime) -> list[Finding]:
    """Stations of which more messages are held from the last hour than is normal, without an open incident."""
    is_open = Incident.objects.filter(rule=NAME, closed_at=None)
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
    """Incidents of stations of which nothing from the last hour is held: it is quiet, or all was decided about."""
    opened = dict(Incident.objects.filter(rule=NAME, closed_at=None).values_list("station_id", "id"))
    recent = Station.objects.filter(
        pk__in=list(opened), quarantined__state="held", quarantined__received_at__gt=moment - SPAN
    )
    still = {held.station_id for held in _held(recent)}
    return [Ending(number, is_told=True) for station_id, number in opened.items() if station_id not in still]


def opening(station: Station, moment: datetime) -> str:
    """How many, the commonest reason, and what to do."""
    several = _held_of(station.pk)
    if not several:
        return _("Nothing of it is held in quarantine any more.")
    total = sum(held.messages for held in several)
    commonest = max(several, key=lambda held: held.messages)
    only_counted = Station.objects.filter(pk=station.pk).aggregate(n=Sum("quarantine_tallies__cut"))["n"] or 0
    said = ngettext(
        "%(n)s message of it is in quarantine, the newest from %(newest)s, mostly for the reason “%(reason)s”. "
        "Nothing is lost: look at one on the page “Quarantine”, mend the cause, then try them again there.",
        "%(n)s messages of it are in quarantine, the newest from %(newest)s, mostly for the reason “%(reason)s”. "
        "Nothing is lost: look at one on the page “Quarantine”, mend the cause, then try them again there.",
        total,
    ) % {
        "n": f"{total:,}",
        "newest": moment_words(max(held.newest_at for held in several), moment),
        "reason": commonest.reason,
    }
    if only_counted:
        said += " " + _("Of %(n)s more only the number is kept, as too much was refused.") % {"n": f"{only_counted:,}"}
    return said


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """No more come; what is left to do."""
    left = sum(held.messages for held in _held_of(incident.station_id))
    if not left:
        return _("No more of its messages go to quarantine, and none is left there.")
    return ngettext(
        "No more of its messages go to quarantine. %(n)s is still held there until somebody decides about it.",
        "No more of its messages go to quarantine. %(n)s are still held there until somebody decides about them.",
        left,
    ) % {"n": f"{left:,}"}


def _held_of(station_id: int) -> list[Held]:
    return _held(Station.objects.filter(pk=station_id, quarantined__state="held"))


def _held(stations: QuerySet[Station]) -> list[Held]:
    """By station and reason what is held of these, joined with their messages, but for what is held on purpose."""
    rows = (
        stations.order_by("pk")
        .values_list("pk", "quarantined__reason")
        .annotate(Count("quarantined"), Min("quarantined__received_at"), Max("quarantined__received_at"))
    )
    return [Held(*row) for row in rows if row[1] not in _EXPECTED]


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Quarantine grows"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "Quarantine quiet"),
    opened_several=lambda stations, since: (
        _(
            "Many messages of %(stations)s cannot be taken, the first since %(since)s. "
            "Look first at what changed lately: a new version of the agent, or of Roost."
        )
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: _("No more messages of %(stations)s go to quarantine.") % {"stations": stations},
)
