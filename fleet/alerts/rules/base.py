"""Interface of an alert rule: where the condition holds, where it has ended, and the sentences for both."""

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
    """An open incident whose condition has ended. `is_told`: whether people get a message about it."""

    incident_id: int
    is_told: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert rule. Sentences are built in the active language, for the people of one organization.

    `find` and `over` run in the sweep's transaction. `opened_subject` and `closed_subject` begin the subject of a
    message. `opened_several` and `closed_several` are the first line of a message about several stations. Their
    arguments are `12 stations of <organization>` and, for `opened_several`, since when the first has had the problem.
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
