"""Over its quota: a station's messages wait, as it sends more than it may, and the wait is no short one."""

from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule
from fleet.alerts.rules.flooding import NAME as FLOODING
from fleet.core.spoken import moment_words
from fleet.stations.models import Station

NAME = "over_quota"
#: A burst that is worked off within this is nobody's trouble.
PATIENCE = timedelta(minutes=10)
_WAITING = Q(quarantined__state="held", quarantined__reason="over-quota")


def find(moment: datetime) -> list[Finding]:
    """Stations of which a message waits for longer than that, without an open incident of it."""
    is_open = Incident.objects.filter(station=OuterRef("pk"), rule=NAME, closed_at=None)
    # What piled up before it was let in is worked off first.
    told_as_flooding = Incident.objects.filter(station=OuterRef("pk"), rule=FLOODING).filter(
        Q(closed_at=None) | Q(closed_at__gt=moment - PATIENCE)
    )
    waiting = (
        Station.objects.filter(
            _WAITING, ~Exists(is_open), ~Exists(told_as_flooding), suspended_at=None, retired_at=None
        )
        .order_by("pk")
        .annotate(since=Min("quarantined__received_at"))
    )
    rows = waiting.filter(since__lt=moment - PATIENCE).values_list("pk", "since")
    return [Finding(pk, since) for pk, since in rows]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations of which nothing waits any more; quietly those that flood now or are retired."""
    opened = list(Incident.objects.filter(rule=NAME, closed_at=None).values_list("station_id", "id"))
    stations = Station.objects.filter(pk__in=[station_id for station_id, _id in opened])
    elsewhere = set(stations.exclude(suspended_at=None, retired_at=None).values_list("pk", flat=True))
    still = set(stations.filter(_WAITING).values_list("pk", flat=True))
    return [
        Ending(number, is_told=station_id not in elsewhere)
        for station_id, number in opened
        if station_id in elsewhere or station_id not in still
    ]


def opening(station: Station, moment: datetime) -> str:
    """Since when, how many, what becomes of them, and what to do."""
    waiting = _waiting(Station.objects.filter(pk=station.pk))
    if waiting is None:
        return _("None of its messages waits any more.")
    since, messages = waiting
    return ngettext(
        "Over its quota since %(since)s: %(n)s message of it waits. Nothing is lost, it is taken by itself when there "
        "is room. Find out what sends so much; if it must, ask the server's administrators for a larger quota.",
        "Over its quota since %(since)s: %(n)s messages of it wait. Nothing is lost, they are taken by themselves when "
        "there is room. Find out what sends so much; if it must, ask the server's administrators for a larger quota.",
        messages,
    ) % {"since": moment_words(since, moment), "n": f"{messages:,}"}


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Whether all was taken."""
    if _waiting(Station.objects.filter(pk=incident.station_id)) is None:
        return _("Within its quota again: none of its messages waits any more.")
    return _("It floods or is retired by now; what waited is kept in quarantine.")


def _waiting(stations: QuerySet[Station]) -> tuple[datetime, int] | None:
    """Since when messages of this one station wait, and how many; None when none does."""
    return (
        stations.filter(_WAITING)
        .order_by("pk")
        .annotate(since=Min("quarantined__received_at"), messages=Count("quarantined"))
        .values_list("since", "messages")
        .first()
    )


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Over its quota"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "Within its quota again"),
    opened_several=lambda stations, since: (
        _(
            "%(stations)s send more than their quotas, the first since %(since)s. Nothing is lost: what waits is taken "
            "by itself when there is room. Look first at what changed lately: a new version of the agent, or a setting."
        )
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: (
        _("%(stations)s are within their quotas again: none of their messages waits.") % {"stations": stations}
    ),
)
