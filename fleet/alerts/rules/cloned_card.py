"""Cloned card: two machines send with one station's identity, or its outbox went back in time."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.core.spoken import moment_words
from fleet.stations.models import Station
from fleet.telemetry.models import StreamLedger

NAME = "cloned_card"
Branch = StreamLedger.Branch
#: A held branch is reported after this long even if the other machine has not spoken: by then somebody should know.
TOLD_AFTER = timedelta(minutes=3)
_UNDECIDED = (Branch.HELD, Branch.CLONED)


def find(moment: datetime) -> list[Finding]:
    """Stations with an undecided branch and no open incident."""
    rows = StreamLedger.objects.filter(~has_incident(NAME), branch__in=_UNDECIDED).order_by("station_id", "first_at")
    found: dict[int, datetime] = {}
    for station_id, branch, first_at in rows.values_list("station_id", "branch", "first_at"):
        if branch == Branch.CLONED or moment - first_at > TOLD_AFTER:
            found.setdefault(station_id, first_at)
    return [Finding(station_id, began_at) for station_id, began_at in found.items()]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Open incidents whose branches have all been decided."""
    undecided = StreamLedger.objects.filter(station=OuterRef("station"), branch__in=_UNDECIDED)
    opened = incidents_of(NAME).filter(~Exists(undecided))
    return [Ending(number, is_told=True) for number in opened.values_list("id", flat=True)]


def opening(station: Station, moment: datetime) -> str:
    """Sentence on when it began, what it means, and what to do."""
    branch = station.streams.filter(branch__in=_UNDECIDED).order_by(F("branch"), "first_at").first()
    since = moment_words(branch.first_at if branch else moment, moment)
    if branch is not None and branch.branch == Branch.CLONED:
        return _(
            "Two machines have been sending with this identity since %(since)s, most likely because a card was "
            "copied. Messages from the second one are kept apart. Find it, give it its own identity, then decide what "
            "happens to its data on the “Deliveries” page."
        ) % {"since": since}
    return _(
        "It has been reusing message numbers since %(since)s: either a copied card runs in another machine, or a power "
        "cut set its outbox back in time. Messages under these numbers are kept apart until that is known."
    ) % {"since": since}


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence on how the branch was decided."""
    decided = incident.station.streams.filter(branch__in=(Branch.BELIEVED, Branch.DISCARDED))
    newest = decided.order_by("-first_at").first()
    if newest is not None and newest.branch == Branch.BELIEVED:
        return _("Decided: the messages kept apart belong to this station and have been accepted.")
    return _("Decided: the messages kept apart were discarded. You can still read them on the page “Held back”.")


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "duplicate identity"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Duplicate identity"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Duplicate identity resolved"),
    opened_several=gettext_lazy(
        "%(stations)s are reusing message numbers, the first since %(since)s. Most likely their cards were copied."
    ),
    closed_several=gettext_lazy("The duplicate identities of %(stations)s are resolved."),
)
