"""Flooding: a station sent far more than its quota and was suspended."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station

NAME = "flooding"


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Suspended stations without an open incident."""
    rows = (
        Station.objects.filter(~has_incident(NAME, station="pk"), retired_at=None)
        .exclude(suspended_at=None)
        .order_by("pk")
    )
    return [Finding(pk, since) for pk, since in rows.values_list("pk", "suspended_at") if since is not None]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations that were readmitted or retired."""
    opened = incidents_of(NAME)
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
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "suspended"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Suspended"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Readmitted"),
    opened_several=gettext_lazy(
        "%(stations)s sent far more than their quotas and were suspended, the first %(since)s. "
        "Possible causes are a faulty update or a stolen login."
    ),
    closed_several=gettext_lazy("%(stations)s may send again."),
)
