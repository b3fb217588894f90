"""Interface of an alert rule: where the condition holds, where it has ended, and the sentences for both."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.alerts.models import Incident
from fleet.stations.models import Station


@dataclass(frozen=True, slots=True)
class Finding:
    """A station where the rule's condition holds, and since when."""

    station_id: int
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """An open incident whose condition has ended. `is_told`: whether people get a message about it."""

    incident_id: int
    is_told: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule. Sentences are built in the active language, for the people of one organization.

    `find` and `over` run in the sweep's transaction. `opened_subject` and `closed_subject` begin the subject of a
    message. `opened_several` and `closed_several` are the first line of a message about several stations:
    `%(stations)s` is `12 stations of <organization>`, and `%(since)s` in `opened_several` is when the first got the
    problem.
    """

    name: str
    find: Callable[[datetime], Collection[Finding]]
    over: Callable[[datetime], Collection[Ending]]
    opening: Callable[[Station, datetime], str]
    closing: Callable[[Incident, datetime], str]
    #: The problem as a state, in one or two words.
    short: Promise
    opened_subject: Promise
    closed_subject: Promise
    opened_several: Promise
    closed_several: Promise
    #: It cannot wait for the sweep of all rules and has one of its own.
    has_own_sweep: bool = False
    #: Its sentence may tell where a station is, so programs get only the problem's name.
    tells_place: bool = False


def made_rule(name: str, title: str) -> Rule:
    """A rule that people made, as incidents and messages need it; `fleet.alerts.made` looks for its incidents."""
    short = format_lazy("{}", title) if title else pgettext_lazy("state of a station", "rule")
    return Rule(
        name,
        find=lambda _moment: (),
        over=lambda _moment: (),
        opening=lambda station, _moment: f"{title}: {station}",
        closing=lambda _incident, _moment: _("No longer watched by this rule."),
        short=short,
        opened_subject=short,
        closed_subject=format_lazy("{}: {}", pgettext_lazy("beginning of a mail's subject", "Over"), short),
        opened_several=format_lazy(
            "{}: {}", short, gettext_lazy("this is now true of %(stations)s, of the first since %(since)s.")
        ),
        closed_several=format_lazy("{}: {}", short, gettext_lazy("this is over for %(stations)s.")),
    )


def incidents_of(rule: str) -> QuerySet[Incident]:
    """The open incidents of a rule."""
    return Incident.objects.filter(rule=rule, closed_at=None)


def has_incident(rule: str, *, station: str = "station") -> Exists:
    """Whether a row's station has an open incident of a rule. `station`: the row's field with the station's id."""
    return Exists(incidents_of(rule).filter(station=OuterRef(station)))
