"""Queries for rules that people made, in words and with their open incidents."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from fleet.alerts.made.words import rule_said
from fleet.alerts.models import Incident
from fleet.alerts.models.made import AlertRule
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup, StationModel

Scope = AlertRule.Scope


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule in words, the stations it is for, and how many open incidents it has."""

    rule: AlertRule
    said: str
    stations: str
    ringing: int

    @property
    def severity(self) -> str:
        """The severity in words."""
        return str(AlertRule.Severity(self.rule.severity).label)


def rule_list(*, organization: Organization) -> QuerySet[AlertRule]:
    """The rules of an organization by name."""
    return AlertRule.objects.filter(organization=organization).order_by("name", "pk")


def rule_views(rules: list[AlertRule]) -> list[RuleView]:
    """Rules in words; a fixed number of queries. All belong to one organization."""
    keys = [rule.key for rule in rules]
    opened = dict(
        Incident.objects.filter(rule__in=keys, closed_at=None).order_by().values_list("rule").annotate(Count("pk"))
    )
    words = scope_words(rules)
    return [RuleView(rule, rule_said(rule), words[rule.pk], opened.get(rule.key, 0)) for rule in rules]


def scope_words(rules: list[AlertRule]) -> dict[int, str]:
    """The stations that each rule is for, in words, by the rule's id."""
    names = scope_names(rules)
    return {rule.pk: _words(rule, names[rule.pk]) for rule in rules}


def scope_names(rules: list[AlertRule]) -> dict[int, str]:
    """The name of the tag, group or model, or the serial of the station, by the rule's id; empty: all, or gone."""
    wanted = {scope: [rule.scope_id or 0 for rule in rules if rule.scope == scope] for scope in Scope.values}
    ours = Q(organization__in={rule.organization_id for rule in rules})
    groups = StationGroup.objects.filter(ours, pk__in=wanted[Scope.GROUP])
    models = StationModel.objects.filter(ours | Q(organization=None), pk__in=wanted[Scope.MODEL])
    stations = Station.objects.filter(ours, deleted_at=None, pk__in=wanted[Scope.STATION])
    names: dict[str, dict[int, str]] = {
        Scope.GROUP: dict(groups.values_list("pk", "name")),
        Scope.MODEL: dict(models.values_list("pk", "name")),
        Scope.STATION: dict(stations.values_list("pk", "serial")),
    }
    return {
        rule.pk: rule.tag if rule.scope == Scope.TAG else names.get(rule.scope, {}).get(rule.scope_id or 0, "")
        for rule in rules
    }


def _words(rule: AlertRule, name: str) -> str:
    if rule.scope == Scope.ORGANIZATION:
        return pgettext("stations of a rule", "all stations")
    if not name:
        return _("none: its station, model or group no longer exists")
    words = {
        Scope.TAG: _("stations with the tag %(name)s"),
        Scope.GROUP: _("stations of the group %(name)s"),
        Scope.MODEL: _("stations of the model %(name)s"),
        Scope.STATION: "%(name)s",
    }
    return words[Scope(rule.scope)] % {"name": name}
