"""Cloned card: two machines send with one station's identity, or its outbox went back in time."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule
from fleet.core.spoken import moment_words
from fleet.stations.models import Station
from fleet.telemetry.models import StreamLedger

NAME = "cloned_card"
Branch = StreamLedger.Branch
#: A held branch is told of after so long even if the other machine has not spoken: somebody should know by then.
TOLD_AFTER = timedelta(minutes=3)
_UNDECIDED = (Branch.HELD, Branch.CLONED)


def find(moment: datetime) -> list[Finding]:
    """Stations with an undecided branch, and no incident of it."""
    is_open = Incident.objects.filter(station=OuterRef("station"), rule=NAME, closed_at=None)
    rows = StreamLedger.objects.filter(~Exists(is_open), branch__in=_UNDECIDED).order_by("station_id", "first_at")
    found: dict[int, datetime] = {}
    for station_id, branch, first_at in rows.values_list("station_id", "branch", "first_at"):
        if branch == Branch.CLONED or moment - first_at > TOLD_AFTER:
            found.setdefault(station_id, first_at)
    return [Finding(station_id, began_at) for station_id, began_at in found.items()]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents whose branches are all decided."""
    undecided = StreamLedger.objects.filter(station=OuterRef("station"), branch__in=_UNDECIDED)
    opened = Incident.objects.filter(~Exists(undecided), rule=NAME, closed_at=None)
    return [Ending(number, is_told=True) for number in opened.values_list("id", flat=True)]


def opening(station: Station, moment: datetime) -> str:
    """Since when, what it means, and what to do."""
    branch = station.streams.filter(branch__in=_UNDECIDED).order_by(F("branch"), "first_at").first()
    since = moment_words(branch.first_at if branch else moment, moment)
    if branch is not None and branch.branch == Branch.CLONED:
        return _(
            "Since %(since)s two machines send with this identity: a copied card, most likely. What the second one "
            "sends is kept apart. Find it, give it an identity of its own, then decide about its data on the page "
            "“Deliveries”."
        ) % {"since": since}
    return _(
        "Since %(since)s it gives message numbers a second time: a copied card in another machine, or an outbox that "
        "went back in time after a power cut. What comes under these numbers is kept apart until that is known."
    ) % {"since": since}


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """What was decided."""
    decided = incident.station.streams.filter(branch__in=(Branch.BELIEVED, Branch.DISCARDED))
    newest = decided.order_by("-first_at").first()
    if newest is not None and newest.branch == Branch.BELIEVED:
        return _("Decided: what was kept apart belongs to this station, and has been taken.")
    return _("Decided: what was kept apart was discarded. It stays readable in quarantine.")


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Two machines"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "One machine"),
    opened_several=lambda stations, since: (
        _("%(stations)s give message numbers a second time, the first since %(since)s: copied cards, most likely.")
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: _("%(stations)s are decided about.") % {"stations": stations},
)
