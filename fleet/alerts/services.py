"""Opening and closing incidents, each exactly once, and the sweeps that find them."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from fleet.alerts.flaps import end_held_until, incidents_reopen
from fleet.alerts.grouping.steps import silences_group, silences_regroup
from fleet.alerts.maintenance.moving import windows_move
from fleet.alerts.models import Incident
from fleet.alerts.notifications.planning import beginnings_lock, notifications_plan_closed, notifications_plan_opened
from fleet.alerts.rules import rule_of, rules
from fleet.alerts.rules.base import Rule, incidents_of
from fleet.alerts.rules.silence import NAME as SILENCE
from fleet.alerts.sending.sending import senders_wake
from fleet.alerts.server_problems.troubles import site_rules_judge
from fleet.alerts.snoozes import snoozes_end_changed
from fleet.core import clock
from fleet.core.live import live_announce
from fleet.core.locks import transaction_lock
from fleet.core.models import Outage
from fleet.core.outbox import Announcement, events_announce
from fleet.core.pulses import INGEST, is_listening, pulse_age
from fleet.core.spoken import moments_kept, moments_told
from fleet.stations.models import Station
from message_queue.events.kinds import IncidentEvent

_log = logging.getLogger(__name__)

#: After an outage of ours the stations' deadlines are reset; the sweep waits this long so that it sees the new ones.
AFTER_OUTAGE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Opening:
    """An incident to open: station, start, and the sentence in the organization's language and in each language.

    `title` and `severity` are those of a rule that people made.
    """

    station: Station
    began_at: datetime
    sentence: str
    sentences: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of an incident that its rule judged by the station's clock: when, and the sentence in each language."""

    ended_at: datetime
    sentences: Mapping[str, str]


_NO_CLOSINGS: Mapping[int, Closing] = {}


@transaction.atomic
def incidents_open(*, openings: Sequence[Opening], rule: str, moment: datetime) -> list[Incident]:
    """Open several incidents at once, announced together. Stations with an open one are skipped.

    An acknowledged incident whose end nobody was told yet opens again instead. At stations in planned maintenance, new
    ones are held: nobody is told before it ends, see `fleet.alerts.held_back`. A statement with ON CONFLICT settles
    races.
    """
    if not openings:
        return []
    severities = {opening.station.pk: opening.severity for opening in openings}
    reopened = incidents_reopen(rule=rule, severities=severities, moment=moment)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_incident "
            "(organization_id, station_id, rule, sentence, sentences, closing_sentence, began_at, opened_at, title, "
            "severity, is_held, held_reason) "
            "SELECT organization, station, %s, sentence, sentences::jsonb, '', openings.began_at, %s, title, severity, "
            "s.window_until IS NOT NULL, s.window_reason "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[]) "
            "AS openings (organization, station, sentence, sentences, began_at, title, severity) "
            "JOIN stations_station s ON s.id = openings.station "
            "ON CONFLICT (station_id, rule) WHERE closed_at IS NULL DO NOTHING RETURNING id",
            [
                rule,
                moment,
                [opening.station.organization_id for opening in openings],
                [opening.station.pk for opening in openings],
                [opening.sentence.replace("\x00", "") for opening in openings],
                [json.dumps(dict(opening.sentences)).replace("\\u0000", "") for opening in openings],
                [opening.began_at for opening in openings],
                [opening.title for opening in openings],
                [opening.severity for opening in openings],
            ],
        )
        numbers = [row[0] for row in cursor.fetchall()]
    opened = list(_with_station().filter(pk__in=numbers).order_by("pk"))
    told = [incident for incident in opened if not incident.is_held]
    telling = silences_group(incidents=told, moment=moment) if rule == SILENCE else told
    notifications_plan_opened(incidents=telling, moment=moment)
    opened += reopened
    snoozes_end_changed(opened=told + reopened, moment=moment)
    incidents_announce(opened, "incident_opened")
    return opened


def incident_close(*, station_id: int, rule: str, moment: datetime, is_told: bool = True) -> Incident | None:
    """Close the open incident of a station and rule and notify those who heard of its start; None if there is none."""
    opened = incidents_of(rule).filter(station=station_id)
    closed = _incidents_close(list(opened.values_list("pk", flat=True)), moment=moment, is_told=is_told)
    return closed[0] if closed else None


def incidents_close(
    *, incident_ids: Collection[int], moment: datetime, is_told: bool, closings: Mapping[int, Closing] | None = None
) -> list[Incident]:
    """Close those of these incidents that are still open; `closings` says when and how some of them ended."""
    return _incidents_close(incident_ids, moment=moment, is_told=is_told, closings=closings or {})


def station_heard_again(*, station_ids: Collection[int], moment: datetime) -> list[Incident]:
    """Close the silence incidents of stations that have spoken again. Call it in the transaction of the contact."""
    if not station_ids:
        return []
    opened = incidents_of(SILENCE).filter(station__in=list(station_ids))
    return _incidents_close(list(opened.values_list("pk", flat=True)), moment=moment, is_told=True)


def silence_sweep() -> tuple[int, int]:
    """Open silence incidents and close those that are over; return the count of each. Also wakes the sender.

    Stations are judged as of the last moment when ingest was known to run: a silence after that may be the
    server's fault.
    """
    windows_move(moment=clock.now())
    moment = _moment_known()
    moved = (0, 0) if moment is None else rule_sweep(rule=rules()[SILENCE], moment=moment)
    senders_wake()
    return moved


def rules_sweep() -> tuple[int, int]:
    """Open and close the incidents of all rules that have no sweep of their own; return the count of each.

    If a rule cannot be judged, the administrators get a mail, and its incidents stay as they are.
    """
    windows_move(moment=clock.now())
    opened = closed = 0
    failed: list[str] = []
    for rule in rules().values():
        if rule.has_own_sweep:
            continue
        try:
            moved = rule_sweep(rule=rule, moment=clock.now())
        except Exception:  # noqa: BLE001 - as in the comment
            # A rule that cannot be judged must not keep the others waiting.
            _log.exception("The rule %s could not be judged.", rule.name)
            failed.append(rule.name)
            continue
        opened, closed = opened + moved[0], closed + moved[1]
    senders_wake()
    site_rules_judge(failed)
    return opened, closed


@transaction.atomic
def rule_sweep(*, rule: Rule, moment: datetime) -> tuple[int, int]:
    """Open and close the incidents of one rule; return the count of each. (0, 0) while another sweep of it runs."""
    if not transaction_lock(f"roost.alerts.sweep.{rule.name}"):
        return 0, 0
    findings = {finding.station_id: finding.began_at for finding in rule.find(moment)}
    stations = Station.objects.select_related("organization", "contact").filter(pk__in=list(findings)).order_by("pk")
    openings = []
    for station in stations:
        said = in_each_language(partial(rule.opening, station, moment))
        own = said.get(station.organization.language, said[settings.LANGUAGE_CODE])
        openings.append(Opening(station, findings[station.pk], own, said))
    opened = incidents_open(openings=openings, rule=rule.name, moment=moment)
    endings = rule.over(moment)
    closed = [
        incident
        for is_told in (True, False)
        for incident in _incidents_close(
            [ending.incident_id for ending in endings if ending.is_told is is_told], moment=moment, is_told=is_told
        )
    ]
    if rule.name == SILENCE:
        silences_regroup(moment=moment)
    return len(opened), len(closed)


@transaction.atomic
def _incidents_close(
    numbers: Collection[int], *, moment: datetime, is_told: bool, closings: Mapping[int, Closing] = _NO_CLOSINGS
) -> list[Incident]:
    """Close those that are still open, in order of their ids; the loser of a race finds none."""
    if not numbers:
        return []
    still_open = _with_station().filter(pk__in=list(numbers), closed_at=None).order_by("pk")
    incidents = list(still_open.select_for_update(of=("self",)))
    for incident in incidents:
        closing = closings.get(incident.pk)
        said = (
            in_each_language(partial(rule_of(incident.rule, incident.title).closing, incident, moment))
            if closing is None
            else closing.sentences
        )
        incident.closing_sentence = said.get(incident.organization.language, said[settings.LANGUAGE_CODE])
        incident.closing_sentences = dict(said)
        # It cannot close before it opened, whatever the station's clock says.
        incident.closed_at = moment if closing is None else max(closing.ended_at, incident.opened_at)
        incident.reopens_until = end_held_until(incident, moment) if is_told else None
    changed = ["closed_at", "closing_sentence", "closing_sentences", "reopens_until"]
    Incident.objects.bulk_update(incidents, changed, batch_size=500)
    if is_told:
        ends = {incident.reopens_until for incident in incidents}
        if len(ends) > 1:
            # All locks in one order first, so that two who close at once cannot wait for each other.
            beginnings_lock(incidents)
        for held_until in ends:
            some = [incident for incident in incidents if incident.reopens_until == held_until]
            notifications_plan_closed(incidents=some, moment=moment, held_until=held_until)
    incidents_announce(incidents, "incident_closed")
    return incidents


def in_each_language(say: Callable[[], str]) -> dict[str, str]:
    """The sentence in every language of the site, because its reader is known only when it is sent or shown.

    For the same reason its moments are not worded yet; `moments_told` does that for the reader.
    """
    said = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language), moments_kept():
            said[language] = say()
    return said


def _with_station() -> QuerySet[Incident]:
    return Incident.objects.select_related("organization", "station")


def _moment_known() -> datetime | None:
    """The last moment at which ingest surely listened; None while it does not, or has only just resumed."""
    now = clock.now()
    age = pulse_age(name=INGEST)
    if age is None or not is_listening():
        return None
    if Outage.objects.filter(name=INGEST, ended_at__gt=now - AFTER_OUTAGE).exists():
        return None
    return min(now - age, now)


def _sentence_told(incident: Incident) -> str:
    """The sentence for programs; only the problem's name if the sentence tells where the station is."""
    rule = rules().get(incident.rule)
    if rule is not None and rule.tells_place:
        with translation.override(incident.organization.language):
            return f"{rule.opened_subject}."
    with timezone.override(None):
        return moments_told(incident.sentence, incident.opened_at)


def incidents_announce(incidents: Iterable[Incident], event: str) -> None:
    """Announce an event to integrations through the outbox, and to open pages after commit.

    Integrations are not told of held incidents.
    """
    changed: dict[int, set[str]] = defaultdict(set)
    told = []
    for incident in incidents:
        changed[incident.organization_id].add(incident.station.serial)
        if incident.is_held:
            continue
        said = IncidentEvent(
            event=event,
            station=incident.station.serial,
            at=clock.now(),
            rule=incident.rule,
            incident=incident.pk,
            sentence=_sentence_told(incident),
        )
        told.append(Announcement(incident.organization.slug, said))
    if told:
        events_announce(told)
    if changed:
        live_announce(changed=changed)
