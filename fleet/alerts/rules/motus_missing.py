"""Missing at Motus: a station sends detections, or its files wait, but Motus has no deployment of it."""

from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.stations.models import Station
from fleet.sync.models import MotusDifference
from fleet.sync.motus.differences import differing_words, stations_differing
from fleet.sync.motus.lasting import LastingTrouble, days_without_deployment

NAME = "motus_missing"
_KINDS: Final = frozenset({MotusDifference.Kind.UNKNOWN_THERE})


def find(moment: datetime) -> list[Finding]:
    """Stations that hear something, or have files for Motus, and have no deployment there."""
    return [Finding(station_id, since) for station_id, since in sorted(_missing(moment).items())]


def over(moment: datetime) -> list[Ending]:
    """Incidents of stations where nothing is missing any more, or a person decided. Closed without a message."""
    differing = _missing(moment)
    opened = incidents_of(NAME).values_list("id", "station_id")
    return [Ending(number, is_told=False) for number, station_id in opened if station_id not in differing]


def _missing(moment: datetime) -> dict[int, datetime]:
    waiting = {pk: one.since for pk, one in days_without_deployment(moment).items()}
    return {**waiting, **stations_differing(_KINDS)}


def opening(station: Station, moment: datetime) -> str:
    """Sentence on what differs or waits, and where to decide."""
    told = differing_words(station, _KINDS) or _waiting_words(station, moment)
    return (
        told
        + " "
        + _(
            "Without one, nobody can use its data there. The organization's page “Motus” has a text to copy and the right link."
        )
    )


def _waiting_words(station: Station, moment: datetime) -> str:
    waiting = days_without_deployment(moment, station=station).get(station.pk, LastingTrouble.none())
    return ngettext(
        "Its files of %(n)d day (%(day)s) are waiting, because Motus has no deployment of it for that day.",
        "Its files of %(n)d days, the first %(day)s, are waiting, because Motus has no deployment of it for those "
        "days.",
        waiting.days,
    ) % {"n": waiting.days, "day": waiting.first.isoformat()}


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence saying that it is settled."""
    return _("Motus now has a deployment of it, it no longer sends detections, or somebody decided that it needs none.")


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "not at Motus"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Not at Motus"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Known to Motus"),
    opened_several=gettext_lazy(
        "%(stations)s send detections without a deployment at Motus, the first since %(since)s."
    ),
    closed_several=gettext_lazy("%(stations)s no longer send detections without a deployment at Motus."),
    tells_place=True,
)
