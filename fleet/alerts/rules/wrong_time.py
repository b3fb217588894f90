"""Wrong time: a station's data is filed under the year 2000 or in the future, where nobody looks for it."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, incidents_of
from fleet.core.spoken import day_words, duration_words
from fleet.stations.models import Station

NAME = "wrong_time"
#: Data from before `PAST`, or more than `AHEAD` in the future, has a wrong time.
PAST = datetime(2010, 1, 1, tzinfo=UTC)
AHEAD = timedelta(hours=1)
#: Over when no such data came for this long, or none is left: it was moved, or its time has come.
QUIET = timedelta(hours=6)

# Hours of readings are marked dirty on arrival, for about forty minutes; counts of detections per hour stay
# permanently.
_LATELY = """
SELECT s.station_id FROM telemetry_dirtyhour d JOIN telemetry_series s ON s.id = d.series_id
WHERE d.hour < %(past)s OR d.hour > %(ahead)s
UNION
SELECT c.station_id FROM stations_stationcontact c WHERE c.last_contact_at > %(recent)s AND EXISTS (
    SELECT 1 FROM telemetry_detectioncount n WHERE n.station_id = c.station_id AND (n.hour < %(past)s OR n.hour > %(ahead)s))
"""

_NEWEST = """
SELECT max(received_at), min(occurred_at) FROM (
    SELECT r.received_at, r.occurred_at FROM telemetry_series s JOIN telemetry_reading r ON r.series_id = s.id
    WHERE s.station_id = %(station)s AND (r.occurred_at < %(past)s OR r.occurred_at > %(ahead)s)
    UNION ALL
    SELECT received_at, occurred_at FROM telemetry_detection
    WHERE station_id = %(station)s AND (occurred_at < %(past)s OR occurred_at > %(ahead)s)
) AS wrong
"""


def find(moment: datetime) -> list[Finding]:
    """Stations that sent such data lately, without an open incident."""
    told = set(incidents_of(NAME).values_list("station_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_LATELY, _arguments(moment) | {"recent": moment - QUIET})
        lately = {row[0] for row in cursor.fetchall()} - told
    watched = Station.objects.filter(pk__in=lately, retired_at=None, deleted_at=None, is_in_maintenance=False)
    found = []
    for station_id in watched.order_by("pk").values_list("pk", flat=True):
        newest, _first = _newest(station_id, moment)
        if newest is not None and newest > moment - QUIET:
            found.append(Finding(station_id, newest))
    return found


def over(moment: datetime) -> list[Ending]:
    """Incidents of stations whose data is in the right place, or that send no more such data."""
    endings = []
    for incident in incidents_of(NAME).select_related("station"):
        station = incident.station
        is_set_aside = station.retired_at is not None or station.is_in_maintenance
        newest, _first = _newest(station.pk, moment)
        if is_set_aside or newest is None or newest <= moment - QUIET:
            endings.append(Ending(incident.pk, is_told=not is_set_aside))
    return endings


def opening(station: Station, moment: datetime) -> str:
    """Sentence on what its clock says, where its data is as a result, and what to do."""
    _newest_at, first = _newest(station.pk, moment)
    if first is None:
        return _("Its data is at the right time again.")
    what = _(
        "Its data is filed under that time; nothing is lost. Check the GPS antenna, or that it reaches a time server, "
        "then move the data to the right time: “Data with a wrong time” on the “Settings” page."
    )
    if first < PAST:
        return _("Its clock says %(day)s.") % {"day": day_words(first)} + " " + what
    ahead = duration_words((first - moment).total_seconds())
    return _("Its clock is %(duration)s ahead.") % {"duration": ahead} + " " + what


def closing(incident: Incident, moment: datetime) -> str:
    """Sentence that all is well, or on what is left to do."""
    _newest_at, first = _newest(incident.station_id, moment)
    if first is None:
        return _("None of its data has a wrong time any more.")
    return _(
        "It no longer sends data with a wrong time. Data it already sent stays there until somebody moves it: "
        "“Data with a wrong time” on the “Settings” page."
    )


def _newest(station_id: int, moment: datetime) -> tuple[datetime | None, datetime | None]:
    """Receipt of the newest data with a wrong time, and the earliest time in such data; both None if there are none."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, _arguments(moment) | {"station": station_id})
        newest, first = cursor.fetchone() or (None, None)
        return newest, first


def _arguments(moment: datetime) -> dict[str, datetime | int]:
    return {"past": PAST, "ahead": moment + AHEAD}


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "wrong time"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Data with a wrong time"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Times correct again"),
    opened_several=gettext_lazy("The data of %(stations)s has a wrong time because their clocks are not set."),
    closed_several=gettext_lazy("%(stations)s no longer send data with a wrong time."),
)
