"""Builder for the rules about a station's health: whether its newest report is bad, or good again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.alerts.rules.base import Ending, Finding, Rule, has_incident, incidents_of
from fleet.stations.contact.health_marks import health_of
from fleet.stations.models import Station, StationContact
from message_queue.contracts.health import Health

#: An older report opens nothing: a year-old state is not news.
FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing to check in a report. `narrowed`: filter for contacts that may be bad, so that others are not read."""

    name: str
    narrowed: Q
    is_bad: Callable[[Health, StationContact], bool]
    is_good: Callable[[Health, StationContact], bool]
    #: Sentences for the start (the problem and what to do) and for the end.
    bad_words: Callable[[Health, StationContact], str]
    good_words: Callable[[Health, StationContact], str]
    short: Promise
    subject: Promise
    several: Promise


def health_rule(watch: Watch) -> Rule:
    """Build the alert rule for a watch."""

    def find(moment: datetime) -> list[Finding]:
        rows = StationContact.objects.filter(
            ~has_incident(watch.name),
            watch.narrowed,
            station__retired_at=None,
            station__is_in_maintenance=False,
            health_received_at__gt=moment - FRESH,
        ).order_by("station_id")
        return [Finding(row.station_id, row.health_received_at or moment) for row in rows if _holds(watch.is_bad, row)]

    def over(moment: datetime) -> list[Ending]:  # noqa: ARG001 - the signature of rules
        endings = []
        for incident in incidents_of(watch.name).select_related("station__contact"):
            station = incident.station
            is_set_aside = station.retired_at is not None or station.is_in_maintenance
            if is_set_aside or _holds(watch.is_good, station.contact):
                endings.append(Ending(incident.pk, is_told=not is_set_aside))
        return endings

    def opening(station: Station, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
        contact = station.contact
        health = health_of(contact)
        return watch.bad_words(health, contact) if health else _("Its newest report is unreadable.")

    def closing(incident: Incident, moment: datetime) -> str:  # noqa: ARG001 - the signature of rules
        station = incident.station
        if station.retired_at is not None:
            return _("Retired: its health is no longer watched.")
        if station.is_in_maintenance:
            return _("In maintenance: its health raises no alerts until that ends.")
        contact = station.contact
        health = health_of(contact)
        return watch.good_words(health, contact) if health else _("It no longer reports this.")

    return Rule(
        watch.name,
        find,
        over,
        opening,
        closing,
        short=watch.short,
        opened_subject=watch.subject,
        closed_subject=format_lazy("{}: {}", pgettext_lazy("beginning of a mail's subject", "Over"), watch.subject),
        opened_several=watch.several,
        closed_several=gettext_lazy("This is over for %(stations)s."),
    )


def _holds(question: Callable[[Health, StationContact], bool], contact: StationContact) -> bool:
    health = health_of(contact)
    return health is not None and question(health, contact)
