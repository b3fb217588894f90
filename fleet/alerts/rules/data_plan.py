"""Data plan: a station has used most of this month's data, or will run out before the month ends."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.stations.data_use import data_use_of, data_use_shown, month_of
from fleet.stations.models import Station, StationDataUse

NAME = "data_plan"


def find(moment: datetime) -> list[Finding]:
    """Stations whose use this month does not fit their data plan."""
    return [Finding(station_id, month_of(moment)) for station_id in sorted(_over_plan(moment))]


def over(moment: datetime) -> list[Ending]:
    """Incidents of stations that fit their plan again (new month or new plan). Closed without a message."""
    beyond = _over_plan(moment)
    opened = incidents_of(NAME).values_list("id", "station_id")
    return [Ending(number, is_told=False) for number, station_id in opened if station_id not in beyond]


def opening(station: Station, moment: datetime) -> str:
    """Sentence on how much of the plan is used, how the month will end, and what to do."""
    use = data_use_of(station=station, moment=moment)
    told = "" if use is None else use.sentence + " "
    return told + _("Send it the command “set profile” with a profile that uses less data, or book more data.")


def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
    """Sentence that the station fits its data plan again."""
    return _("It is within its data plan again.")


def _over_plan(moment: datetime) -> set[int]:
    rows = StationDataUse.objects.filter(
        month=month_of(moment).date(), station__data_plan_bytes__isnull=False, station__retired_at=None
    ).select_related("station")
    return {row.station_id for row in rows if data_use_shown(row, row.station.data_plan_bytes, moment).is_over}


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "data plan"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Data plan"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Data plan"),
    opened_several=gettext_lazy("%(stations)s will run out of data before the month ends."),
    closed_several=gettext_lazy("%(stations)s are within their data plans again."),
)
