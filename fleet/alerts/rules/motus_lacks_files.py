"""Files missing at Motus: it accepted them, but did not list them in two comparisons about a week apart."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.stations.models import Station
from fleet.sync.motus.lasting import LastingTrouble, days_lacking

NAME = "motus_lacks_files"


def find(moment: datetime) -> list[Finding]:  # noqa: ARG001 - the signature of rules
    """Stations for which Motus lacked files of the same day in two comparisons."""
    return [Finding(station_id, one.since) for station_id, one in sorted(days_lacking().items())]


def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
    """Incidents of stations for which Motus lists everything again."""
    lacking = days_lacking()
    opened = incidents_of(NAME).values_list("id", "station_id")
    return [Ending(number, is_told=False) for number, station_id in opened if station_id not in lacking]


def opening(station: Station, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence on how much is missing, and whom to ask."""
    lacking = days_lacking(station=station).get(station.pk, LastingTrouble.none())
    return (
        ngettext(
            "Motus accepted its files of %(n)d day (%(day)s), but does not list them all.",
            "Motus accepted its files of %(n)d days, the first %(day)s, but does not list them all.",
            lacking.days,
        )
        % {"n": lacking.days, "day": lacking.first.isoformat()}
        + " "
        + _(
            "The station's page under the organization's “Motus” lists the files. Ask Motus about them, with that "
            "day's job number."
        )
    )


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence that nothing is missing any more."""
    return _("Motus lists all the files that it accepted from this station.")


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "files missing at Motus"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Files missing at Motus"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "All files at Motus"),
    opened_several=gettext_lazy("Motus does not list all files of %(stations)s, the first since %(since)s."),
    closed_several=gettext_lazy("Motus lists all files of %(stations)s."),
)
