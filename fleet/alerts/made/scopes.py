"""The rule that holds at a station: of the rules with one name that are for this station, the nearest.

From the nearest to the farthest, a rule is for one station, a group, a tag, a model, or all stations. Of two equally
near ones, such as for two groups, the newer holds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from django.db.models import Q, Value

from fleet.alerts.models.made import AlertRule
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup
from fleet.stations.models.sorting import Tag as StationTag
from fleet.stations.sorting.groups import group_condition

Scope = AlertRule.Scope
_RANK = {scope: rank for rank, scope in enumerate(Scope.values)}


@dataclass(slots=True)
class RuleReach:
    """Facts about stations that rules need: organization and model by id, and the stations of tags and groups."""

    organizations: dict[int, int] = field(default_factory=dict)
    models: dict[int, int | None] = field(default_factory=dict)
    #: By organization and lower-case name, and by id of the group.
    tags: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    groups: dict[int, set[int]] = field(default_factory=dict)

    def has(self, rule: AlertRule, station_id: int) -> bool:
        """Whether a rule is for a station, whether or not a nearer one is too."""
        if self.organizations.get(station_id) != rule.organization_id:
            return False
        match rule.scope:
            case Scope.STATION:
                return rule.scope_id == station_id
            case Scope.GROUP:
                return station_id in self.groups.get(rule.scope_id or 0, ())
            case Scope.TAG:
                return station_id in self.tags.get((rule.organization_id, rule.tag.lower()), ())
            case Scope.MODEL:
                return rule.scope_id is not None and self.models.get(station_id) == rule.scope_id
        return True


class Nearest:
    """Answers which rule of a family holds at a station."""

    def __init__(self, rules: Iterable[AlertRule], placed: RuleReach) -> None:
        self._placed = placed
        self._families: dict[tuple[int, str], list[AlertRule]] = defaultdict(list)
        for rule in sorted(rules, key=lambda rule: (_RANK[rule.scope], rule.pk), reverse=True):
            self._families[family_of(rule)].append(rule)

    def holds(self, rule: AlertRule, station_id: int) -> bool:
        """Whether a rule is for a station, and no nearer one of its name is."""
        nearest = next((one for one in self._families[family_of(rule)] if self._placed.has(one, station_id)), None)
        return nearest is not None and nearest.pk == rule.pk


def family_of(rule: AlertRule) -> tuple[int, str]:
    """Organization and name: of the rules that share both, only the nearest holds."""
    return rule.organization_id, rule.name.lower()


def placed_of(rules: Collection[AlertRule], stations: Collection[int]) -> RuleReach:
    """The facts about these stations that these rules need: at most three queries, however many there are."""
    found = RuleReach()
    rows = Station.objects.filter(pk__in=list(stations)).values_list("pk", "organization_id", "model_id")
    for station_id, organization_id, model_id in rows:
        found.organizations[station_id] = organization_id
        found.models[station_id] = model_id
    _tags_read(found, {(rule.organization_id, rule.tag) for rule in rules if rule.scope == Scope.TAG})
    _groups_read(found, {rule.scope_id for rule in rules if rule.scope == Scope.GROUP and rule.scope_id is not None})
    return found


def _tags_read(found: RuleReach, wanted: set[tuple[int, str]]) -> None:
    if not wanted:
        return
    condition = reduce(or_, (Q(organization=organization, name__iexact=name) for organization, name in wanted))
    rows = StationTag.objects.filter(condition, stations__in=list(found.organizations))
    for organization_id, name, station_id in rows.values_list("organization_id", "name", "stations"):
        if station_id in found.organizations:
            found.tags.setdefault((organization_id, name.lower()), set()).add(station_id)


def _groups_read(found: RuleReach, wanted: set[int]) -> None:
    groups = list(StationGroup.objects.filter(pk__in=wanted)) if wanted else []
    if not groups:
        return
    stations = Station.objects.order_by().filter(pk__in=list(found.organizations))
    first, *rest = [stations.filter(group_condition(group)).values_list(Value(group.pk), "pk") for group in groups]
    for group_id, station_id in first.union(*rest, all=True):
        found.groups.setdefault(group_id, set()).add(station_id)
