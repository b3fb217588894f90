"""The job that judges rules that people made: each pass judges some changes, and opens, closes and records incidents.

    claim notes ─▶ narrow in SQL ─▶ which rule holds where ─▶ read values ─▶ judge ─▶ act ─▶ commit
                                                           └─▶ what is missing ─┘

A pass is one transaction: if it fails, its notes are still there, and the administrators are told.
"""

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from django.db import DatabaseError, transaction
from django.db.models import Q

from fleet.alerts.made.absences import Absent, absents_find, absents_judge
from fleet.alerts.made.acting import found_apply, states_lapse
from fleet.alerts.made.changes import Candidate, candidates_find, changes_claim, changes_units
from fleet.alerts.made.found import Found, JudgedPlace, allowance_of, stretch_judge
from fleet.alerts.made.scopes import Nearest, placed_of
from fleet.alerts.made.values import JudgedHours, stretches_of, values_read
from fleet.alerts.maintenance.moving import windows_move
from fleet.alerts.models.made import AlertRule
from fleet.alerts.sending.sending import senders_wake
from fleet.alerts.server_problems.troubles import trouble_judge
from fleet.core import clock
from fleet.core.locks import transaction_lock
from fleet.core.models import Outage
from fleet.core.pulses import outage_list
from fleet.core.zones import UTC_NAME, zone_of
from fleet.deployments.models import Deployment
from fleet.stations.models import Station

LOCK = "roost.alerts.look"
ABOUT = "judging alert rules"
#: Stretches whose values are in memory at once.
_SLICE = 2_000

_log = logging.getLogger(__name__)


def rules_look(*, seconds: float = 20.0) -> int:
    """Judge what changed until nothing is left or the time is up; return the number of passes.

    If it cannot judge, the notes stay, and only the administrators are told.
    """
    until, looks = time.monotonic() + seconds, 0
    try:
        windows_move(moment=clock.now())
        rules_lapse(moment=clock.now())
        while time.monotonic() < until and look_once(moment=clock.now()):
            looks += 1
    except DatabaseError as error:
        _log.exception("Rules that people made could not be judged")
        reason = str(error).strip().splitlines()
        _told(f"Alert rules cannot be checked now; Roost will try again: {reason[0] if reason else 'no reason given'}.")
        return looks
    _told("")
    if looks:
        senders_wake()
    return looks


@transaction.atomic
def look_once(*, moment: datetime) -> bool:
    """Judge some notes in one pass; False if there are none, or another one is running."""
    if not transaction_lock(LOCK) or not changes_claim():
        return False
    units = changes_units()
    rules = {
        rule.pk: rule
        for rule in AlertRule.objects.select_related("organization").filter(is_on=True, organization__in=list(units))
    }
    candidates = _held(candidates_find(rules.values(), units), rules)
    absents = _held(absents_find(rules.values()), rules)
    if candidates or absents:
        _judge(candidates, absents, rules, moment)
    return True


@transaction.atomic
def rules_lapse(*, moment: datetime) -> int:
    """Close incidents of rules that no longer hold at their stations, without a message; return how many."""
    return states_lapse(moment=moment) if transaction_lock(LOCK) else 0


def _told(sentence: str) -> None:
    trouble_judge(about=ABOUT, sentence=sentence, end="Alert rules can be checked again.", moment=clock.now())


class _OfRule(Protocol):
    """Something about a rule and a station."""

    @property
    def rule_id(self) -> int:
        """The rule."""

    @property
    def station_id(self) -> int:
        """The station."""


_One = TypeVar("_One", bound=_OfRule)


def _held(candidates: Sequence[_One], rules: dict[int, AlertRule]) -> list[_One]:
    """Candidates whose rule holds at their station."""
    if not candidates:
        return []
    nearest = Nearest(rules.values(), placed_of(rules.values(), {one.station_id for one in candidates}))
    known: dict[tuple[int, int], bool] = {}
    for rule_id, station_id in {(one.rule_id, one.station_id) for one in candidates}:
        known[rule_id, station_id] = nearest.holds(rules[rule_id], station_id)
    return [one for one in candidates if known[one.rule_id, one.station_id]]


def _judge(
    candidates: Sequence[Candidate], absents: Sequence[Absent], rules: dict[int, AlertRule], moment: datetime
) -> None:
    stations = {one.station_id for one in candidates} | {one.station_id for one in absents}
    places = places_of(stations, moment)
    stretches: list[JudgedHours] = []
    for (rule_id, _series_id), group in groupby(candidates, key=lambda one: (one.rule_id, one.series_id)):
        stretches += stretches_of(rules[rule_id], list(group))
    starts = (*(one.start for one in stretches), *(one.last_at for one in absents))
    outages: list[Outage] = outage_list(start=min(starts), end=moment)
    found = Found()
    for begin in range(0, len(stretches), _SLICE):
        some = stretches[begin : begin + _SLICE]
        values_read(some)
        for stretch in some:
            stretch_judge(stretch, places[stretch.first.station_id], outages, found)
            stretch.points = []
    absents_judge(absents, rules, places, outages, found)
    found_apply(found, moment=moment)


def places_of(stations: Collection[int], moment: datetime) -> dict[int, JudgedPlace]:
    """The clocks at stations' places, and how late their values may be. Two queries.

    The clock is that of the site where a station is, else of its organization.
    """
    zones = dict(
        Deployment.objects.filter(
            Q(period__contains=moment), station__in=list(stations)
        ).values_list("station_id", "site__timezone")
    )  # fmt: skip
    rows = Station.objects.filter(pk__in=list(stations)).values_list(
        "pk", "organization__timezone", "contact__announced_interval_s", "operator_interval_s"
    )
    return {
        pk: JudgedPlace(
            zone_of(zones.get(pk, own)) or zone_of(own) or ZoneInfo(UTC_NAME), allowance_of(announced or operator)
        )
        for pk, own, announced, operator in rows
    }
