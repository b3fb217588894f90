"""Over its quota: a station sends more than its quota allows, and its messages have been waiting for a while."""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.alerts.rules.flooding import NAME as FLOODING
from fleet.core.spoken import count_words, moment_words
from fleet.stations.models import Station

NAME = "over_quota"
#: A burst that clears within this time is not worth an alert.
PATIENCE = timedelta(minutes=10)
_WAITING = Q(quarantined__state="held", quarantined__reason="over-quota")


def find(moment: datetime) -> list[Finding]:
    """Stations with a message that has waited longer than `PATIENCE`, without an open incident."""
    # A backlog that built up while the station was suspended is worked off first.
    told_as_flooding = Incident.objects.filter(station=OuterRef("pk"), rule=FLOODING).filter(
        Q(closed_at=None) | Q(closed_at__gt=moment - PATIENCE)
    )
    waiting = (
        Station.objects.filter(
            _WAITING,
            ~has_incident(NAME, station="pk"),
            ~Exists(told_as_flooding),
            suspended_at=None,
            retired_at=None,
        )
        .order_by("pk")
        .annotate(since=Min("quarantined__received_at"))
    )
    rows = waiting.filter(since__lt=moment - PATIENCE).values_list("pk", "since")
    return [Finding(pk, since) for pk, since in rows]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations with no waiting messages and, without a message, of suspended or retired stations."""
    opened = list(incidents_of(NAME).values_list("station_id", "id"))
    stations = Station.objects.filter(pk__in=[station_id for station_id, _id in opened])
    elsewhere = set(stations.exclude(suspended_at=None, retired_at=None).values_list("pk", flat=True))
    still = set(stations.filter(_WAITING).values_list("pk", flat=True))
    return [
        Ending(number, is_told=station_id not in elsewhere)
        for station_id, number in opened
        if station_id in elsewhere or station_id not in still
    ]


def opening(station: Station, moment: datetime) -> str:
    """Sentence on when it began, how many messages wait, what happens to them, and what to do."""
    waiting = _waiting(Station.objects.filter(pk=station.pk))
    if waiting is None:
        return _("None of its messages are waiting any more.")
    since, messages = waiting
    return ngettext(
        "Over its quota since %(since)s: %(n)s of its messages is waiting. Nothing is lost; it is accepted "
        "automatically once there is room. Find out what sends so much; if it has to, ask the server's administrators "
        "for a larger quota.",
        "Over its quota since %(since)s: %(n)s of its messages are waiting. Nothing is lost; they are accepted "
        "automatically once there is room. Find out what sends so much; if it has to, ask the server's administrators "
        "for a larger quota.",
        messages,
    ) % {"since": moment_words(since, moment), "n": count_words(messages)}


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence on whether all waiting messages were accepted."""
    if _waiting(Station.objects.filter(pk=incident.station_id)) is None:
        return _("Within its quota again: none of its messages are waiting any more.")
    return _("It is now suspended or retired; the waiting messages stay held back.")


def _waiting(stations: QuerySet[Station]) -> tuple[datetime, int] | None:
    """Earliest receipt and number of waiting messages of this one station; None if none wait."""
    return (
        stations.filter(_WAITING)
        .order_by("pk")
        .annotate(since=Min("quarantined__received_at"), messages=Count("quarantined"))
        .values_list("since", "messages")
        .first()
    )


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "over its quota"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Over its quota"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Within its quota again"),
    opened_several=gettext_lazy(
        "%(stations)s send more than their quotas, the first since %(since)s. Nothing is lost: waiting messages "
        "are accepted automatically once there is room. First check what changed recently: an agent version or a "
        "setting."
    ),
    closed_several=gettext_lazy("%(stations)s are within their quotas again: none of their messages are waiting."),
)
