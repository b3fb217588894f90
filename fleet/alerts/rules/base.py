"""What an alert rule must bring: where it is wrong now, where it is over, and the sentences for both."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from fleet.alerts.models import Incident
from fleet.stations.models import Station


@dataclass(frozen=True, slots=True)
class Finding:
    """A station where the rule's condition holds, and since when."""

    station_id: int
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """An open incident whose condition is over. `is_told`: whether people get a message of it."""

    incident_id: int
    is_told: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule. Sentences are made in the language that is active, for the people of one organization.

    `find` and `over` run in the sweep's transaction. `opened_subject` and `closed_subject` begin the subject of a
    message. `opened_several` and `closed_several` are the first line of a message about several stations; they get
    `12 stations of <organization>`, and since when the first of them is so.
    """

    name: str
    find: Callable[[datetime], Collection[Finding]]
    over: Callable[[datetime], Collection[Ending]]
    opening: Callable[[Station, datetime], str]
    closing: Callable[[Incident, datetime], str]
    opened_subject: Callable[[], str]
    closed_subject: Callable[[], str]
    opened_several: Callable[[str, str], str]
    closed_several: Callable[[str], str]
