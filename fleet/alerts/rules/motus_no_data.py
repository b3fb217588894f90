"""Uploaded, but no data: Motus has had files from a station for more than three days and made no data from them."""

from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.stations.models import Station
from fleet.sync.motus.sending import sent_before

NAME = "motus_no_data"
#: Motus needs hours as a rule.
_PATIENCE: Final = timedelta(days=3)


def find(moment: datetime) -> list[Finding]:
    """Stations with an upload that Motus has had for too long."""
    return [Finding(station_id, since) for station_id, since in sorted(_waiting(moment).items())]


def over(moment: datetime) -> list[Ending]:
    """Incidents of stations whose uploads all became data or were refused."""
    waiting = _waiting(moment)
    opened = incidents_of(NAME).values_list("id", "station_id")
    return [Ending(number, is_told=False) for number, station_id in opened if station_id not in waiting]


def opening(station: Station, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence saying what is waiting, and whom to ask."""
    return _(
        "Files were sent to Motus more than three days ago, and Motus has not turned them into data. Find the job's "
        "number on the organization's page “Motus”, and ask Motus about it."
    )


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence saying that nothing is waiting any longer."""
    return _("Motus has settled all uploads of this station.")


def _waiting(moment: datetime) -> dict[int, datetime]:
    waiting = sent_before(moment - _PATIENCE)
    if not waiting:
        return {}
    stations = Station.objects.filter(
        organization__in={organization_id for organization_id, _serial in waiting},
        serial__in={serial for _organization_id, serial in waiting},
        retired_at=None,
        deleted_at=None,
    )
    rows = stations.values_list("pk", "organization_id", "serial")
    return {
        pk: waiting[organization_id, serial]
        for pk, organization_id, serial in rows
        if (organization_id, serial) in waiting
    }


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "no data at Motus"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "No data at Motus"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Settled at Motus"),
    opened_several=gettext_lazy("Motus still has no data from uploads of %(stations)s, the first since %(since)s."),
    closed_several=gettext_lazy("Motus has settled all uploads of %(stations)s."),
)
