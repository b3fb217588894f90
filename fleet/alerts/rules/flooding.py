"""Flooding: a station sent far more than its quota and was suspended."""

from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station

NAME = "flooding"


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Suspended stations without an incident of it."""
    is_open = Incident.objects.filter(station=OuterRef("pk"), rule=NAME, closed_at=None)
    rows = Station.objects.filter(~Exists(is_open), retired_at=None).exclude(suspended_at=None).order_by("pk")
    return [Finding(pk, since) for pk, since in rows.values_list("pk", "suspended_at") if since is not None]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations that were let in again, or are retired."""
    opened = Incident.objects.filter(rule=NAME, closed_at=None)
    let_in = opened.filter(station__suspended_at=None).values_list("id", flat=True)
    retired = opened.exclude(station__suspended_at=None).exclude(station__retired_at=None).values_list("id", flat=True)
    return [Ending(number, is_told=True) for number in let_in] + [Ending(number, is_told=False) for number in retired]


def opening(station: Station, moment: datetime) -> str:
    """The sentence of the station's page."""
    return station_shown(station, getattr(station, "contact", None), moment).sentence


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """It may send again."""
    return _("Let in again: what it kept meanwhile comes with its next messages.")


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Suspended"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "Let in again"),
    opened_several=lambda stations, since: (
        _(
            "%(stations)s sent far more than their quotas and were suspended, the first at %(since)s. "
            "A faulty update or a stolen login would look so."
        )
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: _("%(stations)s were let in again.") % {"stations": stations},
)
