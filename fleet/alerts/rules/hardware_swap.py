"""Hardware swap: a station reports another board or card, and nobody has confirmed yet that it is the same station."""

from datetime import datetime

from django.db.models import Exists, Min, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.stations.life.hardware import swap_asked, swap_sentence
from fleet.stations.models import HardwarePair, Station

NAME = "hardware_swap"
State = HardwarePair.State


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Stations in service with an unanswered hardware pair and no open incident."""
    asked = HardwarePair.objects.filter(
        ~has_incident(NAME), state=State.ASKED, station__retired_at=None, station__deleted_at=None
    )
    rows = asked.order_by("station_id").values_list("station_id").annotate(since=Min("first_seen_at"))
    return [Finding(station_id, since) for station_id, since in rows]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents whose question has been answered or whose station was retired. Closed without a message."""
    asked = HardwarePair.objects.filter(station=OuterRef("station"), state=State.ASKED, station__retired_at=None)
    opened = incidents_of(NAME).filter(~Exists(asked))
    return [Ending(number, is_told=False) for number in opened.values_list("id", flat=True)]


def opening(station: Station, moment: datetime) -> str:
    """Sentence on what changed and when, and where to answer."""
    pair = swap_asked(station=station)
    if pair is None:
        return _("The question about its hardware has already been answered.")
    sentence = swap_sentence(pair=pair, moment=moment)
    return _("%(sentence)s Answer on its page, under “Hardware”; until then it keeps a single history.") % {
        "sentence": sentence
    }


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence on how the question was answered."""
    decided = HardwarePair.objects.filter(station=incident.station_id).exclude(decided_at=None)
    newest = decided.order_by("-decided_at").first()
    if newest is not None and newest.state == State.ANOTHER:
        return _("Decided: it is a new station. Earlier data stays with the old one, which is retired.")
    if incident.station.retired_at is not None:
        return _("Retired: the question about its hardware no longer needs an answer.")
    return _("Decided: it is the same station and continues its history.")


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "other hardware"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Different hardware"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Hardware question answered"),
    opened_several=gettext_lazy(
        "%(stations)s report different hardware, the first since %(since)s. "
        "For each, say on its page under “Hardware” whether it is still the same station."
    ),
    closed_several=gettext_lazy("The questions about the hardware of %(stations)s are answered."),
)
