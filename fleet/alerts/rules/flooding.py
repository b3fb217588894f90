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
    """Suspended stations without an open incident."""
    is_open = Incident.objects.filter(station=OuterRef("pk"), rule=NAME, closed_at=None)
    rows = Station.objects.filter(~Exists(is_open), retired_at=None).exclude(suspended_at=None).order_by("pk")
    return [Finding(pk, since) for pk, since in rows.values_list("pk", "suspended_at") if since is not None]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations that were readmitted or retired."""
    opened = Incident.objects.filter(rule=NAME, closed_at=None)
    let_in = opened.filter(station__suspended_at=None).values_list("id", flat=True)
    retired = opened.exclude(station__suspended_at=None).exclude(station__retired_at=None).values_list("id", flat=True)
    return [Ending(number, is_told=True) for number in let_in] + [Ending(number, is_told=False) for number in retired]


def opening(station: Station, moment: datetime) -> str:
    """The same sentence as on the station's page."""
    return station_shown(station, getattr(station, "contact", None), moment).sentence


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence that the station may send again."""
    return _("Readmitted: messages it stored in the meantime arrive with its next ones.")


RULE = Rule(
    name=NAME,
    find=find,
    over=over,
    opening=opening,
    closing=closing,
    opened_subject=lambda: pgettext("beginning of a mail's subject", "Suspended"),
    closed_subject=lambda: pgettext("beginning of a mail's subject", "Readmitted"),
    opened_several=lambda stations, since: (
        _(
            "%(stations)s sent far more than their quotas and were suspended, the first at %(since)s. "
            "Possible causes are a faulty update or a stolen login."
        )
        % {"stations": stations, "since": since}
    ),
    closed_several=lambda stations: _("%(stations)s may send again.") % {"stations": stations},
)
