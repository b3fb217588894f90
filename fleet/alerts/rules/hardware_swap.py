"""Hardware swap: another board or card speaks as a station, and nobody has said yet whether it is the same one."""

from datetime import datetime

from django.db.models import Exists, Min, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule
from fleet.stations.life.hardware import swap_asked, swap_sentence
from fleet.stations.models import HardwarePair, Station

NAME = "hardware_swap"
State = HardwarePair.State


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Stations in service with a pair that is asked about, without an open incident of it."""
    is_open = Incident.objects.filter(station=OuterRef("station"), rule=NAME, closed_at=None)
    asked = HardwarePair.objects.filter(
        ~Exists(is_open), state=State.ASKED, station__retired_at=None, station__deleted_at=None
    )
    rows = asked.order_by("station_id").values_list("station_id").annotate(since=Min("first_seen_at"))
    return [Finding(station_id, since) for station_id, since in rows]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents about which somebody has said what it is, or whose station is retired: without another message."""
    asked = HardwarePair.objects.filter(station=OuterRef("station"), state=State.ASKED, station__retired_at=None)
    opened = Incident.objects.filter(~Exists(asked), rule=NAME, closed_at=None)
    return [Ending(number, is_told=False) for number in opened.values_list("id", flat=True)]


def opening(station: Station, moment: datetime) -> str:
    """What is another since when, and where to answer."""
    pair = swap_asked(station=station)
    if pair is None:
        return _("Somebody has said already what its hardware is.")
    sentence = swap_sentence(pair=pair, moment=moment)
    return _("%(sentence)s Answer on its page, under “Hardware”; until then its history goes on as one.") % {
        "sentence": sentence
    }


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """What was said."""
    decided = HardwarePair.objects.filter(station=incident.station_id).exclude(decided_at=None)
    newest = decided.order_by("-decided_at").first()
    if newest is not None and newest.state == State.ANOTHER:
        return _("Decided: it is a new station. What came before stays with the old one, which is retired.")
    if incident.station.retired_at is not None:
        return _("Retired: nobody needs to say any more what its hardware is.")
    return _("Decided: it is the same station, and goes on with its history.")


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Other hardware"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "Hardware decided about"),
    opened_several=lambda stations, since: (
        _(
            "%(stations)s speak from other hardware, the first since %(since)s. "
            "Say of each on its page, under “Hardware”, whether it is the same station."
        )
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: _("The hardware of %(stations)s is decided about.") % {"stations": stations},
)
