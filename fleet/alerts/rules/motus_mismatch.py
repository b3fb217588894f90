"""Mismatch with Motus: a station's place, ports or frequencies are not what Motus has."""

from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.stations.models import Station
from fleet.sync.models import MotusDifference
from fleet.sync.motus.differences import differing_words, stations_differing

NAME = "motus_mismatch"
_KINDS: Final = frozenset({MotusDifference.Kind.PLACE, MotusDifference.Kind.PORT, MotusDifference.Kind.FREQUENCY})


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Stations whose place, ports or frequencies differ from Motus'."""
    return [Finding(station_id, since) for station_id, since in sorted(stations_differing(_KINDS).items())]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations where nothing differs any more, or a person decided. Closed without a message."""
    differing = stations_differing(_KINDS)
    opened = incidents_of(NAME).values_list("id", "station_id")
    return [Ending(number, is_told=False) for number, station_id in opened if station_id not in differing]


def opening(station: Station, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence on what differs, and where to decide."""
    told = differing_words(station, _KINDS)
    return told + " " + _("Compare both on the organization's page “Motus”, and take theirs or keep ours.")


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence saying that it is settled."""
    return _("Its deployment here and at Motus agree, or somebody decided which is right.")


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "differs from Motus"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Differs from Motus"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Agrees with Motus"),
    opened_several=gettext_lazy("%(stations)s differ from their deployments at Motus, the first since %(since)s."),
    closed_several=gettext_lazy("The deployments of %(stations)s agree with Motus again."),
    tells_place=True,
)
