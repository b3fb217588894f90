"""Acting on findings: opening and closing incidents through the services of all rules, and recording past ones."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db.models import Q

from fleet.alerts.made.found import Found
from fleet.alerts.made.judge import Episode, RuleTarget
from fleet.alerts.made.scopes import Nearest, placed_of
from fleet.alerts.made.words import closing_said, opening_said, past_said
from fleet.alerts.models import Incident
from fleet.alerts.models.made import MADE, AlertRule, RuleState
from fleet.alerts.services import Closing, Opening, in_each_language, incidents_close, incidents_open
from fleet.core.live import live_announce
from fleet.stations.models import Station

Phase = RuleState.Phase


def found_apply(found: Found, *, moment: datetime) -> None:
    """Store the states, then close incidents, record past ones and open new ones. The caller holds `look.LOCK`."""
    _states_write(found.states)
    stations = Station.objects.select_related("organization").in_bulk(
        {target.station_id for target, _episode in (*found.opened, *found.past)}
    )
    _close(found.closed, moment)
    _past_write(found.past, stations, moment)
    _open(found.opened, stations, moment)


def states_lapse(*, moment: datetime) -> int:
    """Forget states where their rule no longer holds, and close incidents without a state; return how many closed."""
    rules = {rule.pk: rule for rule in AlertRule.objects.filter(is_on=True)}
    states = RuleState.objects.filter(rule__is_on=True).values_list(
        "pk", "rule_id", "station_id", "station__retired_at", "station__deleted_at", "station__is_in_maintenance"
    )
    rows = list(states)
    if rows:
        concerned = {rules[row[1]].organization_id for row in rows if row[1] in rules}
        some = [rule for rule in rules.values() if rule.organization_id in concerned]
        nearest = Nearest(some, placed_of(some, {row[2] for row in rows}))
        gone = [
            pk
            for pk, rule_id, station_id, *aside in rows
            if any(aside) or rule_id not in rules or not nearest.holds(rules[rule_id], station_id)
        ]
        RuleState.objects.filter(pk__in=gone).delete()
    return _orphans_close(moment)


def rule_settle(rule: AlertRule, *, moment: datetime) -> None:
    """Forget what a rule found, and close its open incidents without a message: it was paused, changed or deleted."""
    RuleState.objects.filter(rule=rule).delete()
    opened = Incident.objects.filter(rule=rule.key, closed_at=None).values_list("pk", flat=True)
    incidents_close(incident_ids=list(opened), moment=moment, is_told=False)


def _orphans_close(moment: datetime) -> int:
    ringing = set(RuleState.objects.filter(phase=Phase.RINGING, is_late=False).values_list("rule_id", "station_id"))
    opened = Incident.objects.filter(closed_at=None, rule__startswith=MADE).values_list("pk", "rule", "station_id")
    orphans = [pk for pk, rule, station in opened if (int(rule.removeprefix(MADE)), station) not in ringing]
    return len(incidents_close(incident_ids=orphans, moment=moment, is_told=False))


def _states_write(states: dict[RuleTarget, RuleState | None]) -> None:
    gone = Q(pk__in=[])
    by_rule: dict[int, list[int]] = defaultdict(list)
    for target, state in states.items():
        if state is None:
            by_rule[target.rule.pk].append(target.series_id)
    for rule_id, series in by_rule.items():
        gone |= Q(rule=rule_id, series__in=series)
    if by_rule:
        RuleState.objects.filter(gone).delete()
    RuleState.objects.bulk_create(
        [state for state in states.values() if state is not None],
        update_conflicts=True,
        unique_fields=["rule", "series"],
        update_fields=["station", "phase", "since", "is_late"],
        batch_size=2_000,
    )


def _close(closed: Sequence[tuple[RuleTarget, Episode]], moment: datetime) -> None:
    """Close the incidents of stations at which no other series rings by the same rule."""
    if not closed:
        return
    rules = {target.rule.pk for target, _episode in closed}
    stations = {target.station_id for target, _episode in closed}
    ringing = set(
        RuleState.objects.filter(rule__in=rules, station__in=stations, phase=Phase.RINGING, is_late=False).values_list(
            "rule_id", "station_id", "since"
        )
    )
    opened = {
        (one.rule, one.station_id): one
        for one in Incident.objects.filter(
            closed_at=None, station__in=stations, rule__in=[f"{MADE}{pk}" for pk in rules]
        )
    }
    closings: dict[int, Closing] = {}
    for target, episode in closed:
        incident = opened.get((target.rule.key, target.station_id))
        # A series that began to ring before this end keeps the incident open; a later one gets an incident of its own.
        keeps = any(
            rule_id == target.rule.pk and station_id == target.station_id and since <= _end(episode)
            for rule_id, station_id, since in ringing
        )
        if incident is None or keeps or episode.end is None:
            continue
        said = in_each_language(partial(closing_said, target, incident.began_at, episode.end))
        known = closings.get(incident.pk)
        if known is None or known.ended_at < episode.end.at:
            closings[incident.pk] = Closing(episode.end.at, said)
    incidents_close(incident_ids=list(closings), moment=moment, is_told=True, closings=closings)


def _open(opened: Sequence[tuple[RuleTarget, Episode]], stations: dict[int, Station], moment: datetime) -> None:
    by_rule: dict[str, list[Opening]] = defaultdict(list)
    for target, episode in opened:
        station = stations[target.station_id]
        said = in_each_language(partial(opening_said, target, episode, moment))
        own = said.get(station.organization.language, said[settings.LANGUAGE_CODE])
        by_rule[target.rule.key].append(
            Opening(station, episode.began_at, own, said, target.rule.name, target.rule.severity)
        )
    for rule, openings in by_rule.items():
        # An incident recorded as past is going on after all: this one replaces it.
        late = Incident.objects.filter(
            rule=rule, station__in=[one.station for one in openings], is_found_later=True,
            closed_at__gte=min(one.began_at for one in openings),
        )  # fmt: skip
        begins = {one.station.pk: one.began_at for one in openings}
        late.filter(pk__in=[one.pk for one in late if (one.closed_at or moment) >= begins[one.station_id]]).delete()
        incidents_open(openings=openings, rule=rule, moment=moment)


def _past_write(past: Sequence[tuple[RuleTarget, Episode]], stations: dict[int, Station], moment: datetime) -> None:
    """Record past incidents, each once: an episode that overlaps a known one extends it or is already part of it."""
    if not past:
        return
    span = [(episode.began_at, _end(episode)) for _target, episode in past]
    rows = Incident.objects.filter(
        Q(closed_at=None) | Q(closed_at__gte=min(begin for begin, _end in span)),
        rule__in={target.rule.key for target, _episode in past},
        station__in=list(stations),
        began_at__lte=max(end for _begin, end in span),
    )
    known: dict[tuple[str, int], list[Incident]] = defaultdict(list)
    for incident in rows:
        known[incident.rule, incident.station_id].append(incident)
    changed: dict[int, set[str]] = defaultdict(set)
    for target, episode in sorted(past, key=lambda one: one[1].began_at):
        station = stations[target.station_id]
        beside = known[target.rule.key, target.station_id]
        other = next((one for one in beside if _overlaps(one, episode)), None)
        if other is not None and not other.is_found_later:
            continue
        if other is not None and other.began_at <= episode.began_at and (other.closed_at or moment) >= _end(episode):
            continue
        if other is None:
            other = Incident(
                organization=station.organization, station=station, rule=target.rule.key, title=target.rule.name,
                severity=target.rule.severity, began_at=episode.began_at, opened_at=moment, is_found_later=True,
            )  # fmt: skip
            beside.append(other)
        other.began_at = min(other.began_at, episode.began_at)
        other.closed_at = max(other.closed_at or _end(episode), _end(episode))
        said = in_each_language(partial(past_said, target, _joined(other, episode), moment))
        other.sentences = other.closing_sentences = said
        other.sentence = other.closing_sentence = said.get(station.organization.language, said[settings.LANGUAGE_CODE])
        other.save()
        changed[station.organization_id].add(station.serial)
    if changed:
        live_announce(changed=changed)


def _joined(incident: Incident, episode: Episode) -> Episode:
    return Episode(incident.began_at, episode.last, incident.closed_at)


def _overlaps(incident: Incident, episode: Episode) -> bool:
    return incident.began_at <= _end(episode) and (incident.closed_at is None or incident.closed_at >= episode.began_at)


def _end(episode: Episode) -> datetime:
    """The end of an episode; without one, the moment of its last value beyond the limit."""
    return episode.ended_at or episode.last.at
