"""Silence: a station's `silent_after` has passed without contact, and nobody planned that."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.core.spoken import duration_words, moment_words
from fleet.stations.contact.deadlines import contact_sweep_late, contact_sweep_silent
from fleet.stations.contact.maintenance import maintenance_sweep
from fleet.stations.contact.sentences import station_shown
from fleet.stations.models import Station, StationContact

NAME = "silence"
SILENT = StationContact.State.SILENT


def find(moment: datetime) -> list[Finding]:
    """End maintenance that is over, update contacts whose deadlines have passed, and find silent stations.

    This includes stations that were already silent when their maintenance or sleep ended.
    """
    maintenance_sweep(moment)
    _lock_overdue(moment)
    contact_sweep_late(moment)
    contact_sweep_silent(moment)
    rows = (
        StationContact.objects.filter(~has_incident(NAME), _is_watched(moment, "station__"), state=SILENT)
        .order_by("station_id")
        .values_list("station_id", "last_contact_at", "silent_after")
    )
    return [Finding(station_id, last or deadline or moment) for station_id, last, deadline in rows]


def over(moment: datetime) -> list[Ending]:
    """Open incidents whose station was heard again; and, without a message, those whose silence is now expected."""
    is_silent = Q(station__contact__state=SILENT)
    opened = incidents_of(NAME)
    heard = opened.filter(~is_silent).values_list("id", flat=True)
    set_aside = opened.filter(is_silent & ~_is_watched(moment, "station__")).values_list("id", flat=True)
    return [Ending(number, is_told=True) for number in heard] + [Ending(number, is_told=False) for number in set_aside]


def opening(station: Station, moment: datetime) -> str:
    """The sentence on the station's page: silent since when, how often it should report, and what to check first."""
    contact = getattr(station, "contact", None)
    # In planned maintenance it is silent, too; people are just not told before the end.
    return station_shown(station, contact, moment, is_window_seen=False).sentence


def closing(incident: Incident, moment: datetime) -> str:
    """Sentence saying that it is back and after how long, or that silence is expected now."""
    station = incident.station
    if station.retired_at is not None:
        return _("Retired: its silence is no longer watched.")
    if station.is_in_maintenance:
        return _("In maintenance: its silence is expected until that ends.")
    if station.asleep_until is not None and station.asleep_until > moment:
        return _("In planned sleep until %(end)s: its silence is expected until then.") % {
            "end": moment_words(station.asleep_until, moment)
        }
    return _(
        "Back since %(moment)s, after %(duration)s of silence. Messages it stored in the meantime arrive with its "
        "next ones."
    ) % {
        "moment": moment_words(moment, moment),
        "duration": duration_words((moment - incident.began_at).total_seconds()),
    }


def _lock_overdue(moment: datetime) -> None:
    """Lock the rows about to change in the same order as ingest locks its own, so that the two cannot deadlock."""
    overdue = Q(state=StationContact.State.ON_TIME, late_after__lt=moment) | Q(
        state__in=[StationContact.State.ON_TIME, StationContact.State.LATE], silent_after__lt=moment
    )
    rows = StationContact.objects.select_for_update().filter(overdue).order_by("station_id")
    list(rows.values_list("station_id", flat=True))


def _is_watched(moment: datetime, prefix: str) -> Q:
    """Filter for stations that are not retired, in maintenance or in planned sleep."""
    is_awake = Q(**{f"{prefix}asleep_until": None}) | Q(**{f"{prefix}asleep_until__lt": moment})
    return Q(**{f"{prefix}retired_at": None, f"{prefix}is_in_maintenance": False}) & is_awake


RULE = Rule(
    NAME,
    find,
    over,
    opening,
    closing,
    short=pgettext_lazy("state of a station", "silent"),
    opened_subject=pgettext_lazy("beginning of a mail's subject", "Silent"),
    closed_subject=pgettext_lazy("beginning of a mail's subject", "Back"),
    opened_several=gettext_lazy(
        "%(stations)s fell silent, the first %(since)s. "
        "First check what they share: a network, a provider, a power supply, a storm."
    ),
    closed_several=gettext_lazy("%(stations)s are back in contact."),
    has_own_sweep=True,
)
