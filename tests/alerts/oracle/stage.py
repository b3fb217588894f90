"""Plays a story to Roost: the clock moves from one moment at which something can happen to the next.

Messages go through the real pipeline, and at each moment the periodic tasks run as beat would call them. Between two
moments ingest goes on beating, unless it is away. The moments come from the story and from the deadlines that Roost has
stored; so a deadline that it stored too early raises an alert too early here, as it would in the field.
"""

import heapq
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import time_machine
from alerts.oracle.story import DAMP, GONE, HARDY_LIMIT, PEOPLE, TOO_HOT, Act, Actor, Contact, Story
from django.contrib.auth.models import User
from django.db import connection

from fleet.alerts.handling import incident_acknowledge, incident_snooze
from fleet.alerts.made.draft import RuleDraft
from fleet.alerts.made.services import rule_add
from fleet.alerts.models import Destination, Incident
from fleet.alerts.models.made import RuleNote
from fleet.core.models import Pulse
from fleet.ingest.delivery import Delivery
from fleet.ingest.listening import ingest_beat
from fleet.ingest.pipeline import Pipeline
from fleet.organizations.access import viewer_of_server
from fleet.organizations.models import Membership, Organization
from fleet.organizations.services import member_add, organization_create
from fleet.stations.models import Station
from fleet.stations.services import station_change, station_register
from workers.tasks import alerts as tasks

SERVER = viewer_of_server("oracle")
#: Seconds from a deadline to the tasks of beat, and between their runs while something waits to be sent.
LOOK_AFTER, LOOK_EVERY = 1, 5
#: The next deadline that Roost has stored, and whether something waits to be sent.
_NEXT = """
SELECT least(
    (SELECT min(silent_after) FROM stations_stationcontact WHERE state IN ('on_time', 'late') AND silent_after > %(now)s),
    (SELECT min(t) FROM stations_station, unnest(ARRAY[maintenance_until, asleep_until]) AS t WHERE t > %(now)s),
    (SELECT min(snoozed_until) FROM alerts_incident WHERE closed_at IS NULL AND snoozed_until > %(now)s),
    (SELECT min(greatest(due_at, held_until)) FROM alerts_notification
     WHERE state IN ('pending', 'sending') AND greatest(due_at, held_until) > %(now)s)
), EXISTS (SELECT 1 FROM alerts_notification WHERE state = 'pending' AND greatest(due_at, held_until) <= %(now)s)
"""


class Killed(BaseException):
    """The process ended here."""


class Stage:
    """Roost, and the story that is played to it. `kills` is the probability that a task dies within its transaction."""

    def __init__(self, story: Story, *, kills: float = 0.0) -> None:
        self.story = story
        today = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.began = today - timedelta(days=story.days + 1)
        self.looks = self.killed = 0
        self._has_died, self._swept_at = False, self.began
        self._kills, self._chance = kills, random.Random(story.seed)
        self._pipeline = Pipeline()
        self._stations: dict[str, Station] = {}
        self._heap: list[int] = []
        self._steps: dict[int, list[tuple[int, Callable[[], None]]]] = defaultdict(list)
        self._arrivals: dict[int, list[tuple[Actor, Contact]]] = defaultdict(list)

    def moment(self, at: int) -> datetime:
        """The time this many seconds after the beginning of the story."""
        return self.began + timedelta(seconds=at)

    def seconds(self, moment: datetime) -> float:
        """Seconds from the beginning of the story to this time."""
        return (moment - self.began).total_seconds()

    def play(self) -> None:
        """Play the whole story."""
        with time_machine.travel(self.began, tick=False) as clock:
            self._people_make()
            self._stations_make()
            self._steps_plan()
            at, is_away = 0, False
            while True:
                if not is_away:
                    Pulse.objects.update_or_create(
                        name="ingest", defaults={"beat_at": self.moment(at) - timedelta(seconds=4)}
                    )
                clock.move_to(self.moment(at))
                # Ingest beats once more at the moment at which it goes away, and then not until it is back.
                if not is_away or any(end == at for _start, end in self.story.away):
                    ingest_beat(moment=self.moment(at))
                is_away = any(start <= at < end for start, end in self.story.away)
                is_eventful = self._arrive(at)
                for _rank, step in sorted(self._steps.pop(at, []), key=lambda one: one[0]):
                    step()
                    is_eventful = True
                self._look(is_eventful=is_eventful)
                following = self._next(at)
                if following is None or following > self.story.end:
                    return
                at = following

    def _next(self, at: int) -> int | None:
        while self._heap and self._heap[0] <= at:
            heapq.heappop(self._heap)
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, {"now": self.moment(at)})
            due, is_waiting = cursor.fetchone()
        moments = [self._heap[0]] if self._heap else []
        if due is not None:
            # A second later, so that nothing is looked at before it is due.
            moments.append(max(int(self.seconds(due)) + LOOK_AFTER, at + 1))
        if is_waiting:
            moments.append(at + LOOK_EVERY)
        return min(moments, default=None)

    def _people_make(self) -> None:
        self.organizations: list[Organization] = [organization_create(name=f"Oracle {n}", owner=None) for n in range(2)]
        for who, number, is_on in PEOPLE:
            user = User.objects.create_user(who, f"{who}@example.org")
            organization = self.organizations[number]
            member_add(organization=organization, user=user, role=Membership.Role.OPERATOR)
            self._switch(who, is_on=is_on)

    def _switch(self, who: str, *, is_on: bool) -> None:
        Destination.objects.filter(membership__user__username=who).update(is_on=is_on)

    def _stations_make(self) -> None:
        for actor in self.story.actors.values():
            organization = self.organizations[actor.organization]
            self._stations[actor.serial] = station_register(
                actor=SERVER, organization=organization, serial=actor.serial
            )
        self.rules: dict[tuple[int, str], list[str]] = defaultdict(list)
        for number, organization in enumerate(self.organizations):
            hot = {"name": TOO_HOT, "subject": "series", "what": "temp", "condition": "above"}
            drafts = [
                RuleDraft(**hot, unit="Cel", high=30.0, clear_high=28.0),
                RuleDraft(name=DAMP, subject="series", what="humidity", condition="above", unit="%RH", high=80.0, for_s=7_200),
                RuleDraft(name=GONE, subject="series", what="humidity", condition="missing", for_s=9_000),
                *(
                    RuleDraft(**hot, unit="Cel", high=HARDY_LIMIT, clear_high=HARDY_LIMIT - 2.0, scope="station", of=one.serial)
                    for one in self.story.actors.values()
                    if one.is_hardy and one.organization == number
                ),
            ]  # fmt: skip
            for draft in drafts:
                rule = rule_add(actor=SERVER, organization=organization, draft=draft, is_sure=True)
                self.rules[number, draft.name].append(rule.key)

    def _steps_plan(self) -> None:
        story = self.story
        for actor in story.actors.values():
            for contact in actor.contacts:
                self._arrivals[story.arrives_at(contact.at)].append((actor, contact))
            station = self._stations[actor.serial]
            for aside in actor.asides:
                self._step(aside.start, 2, lambda s=station, a=aside: self._set_aside(s, a.kind, self.moment(a.end)))
            if actor.retired_at is not None:
                self._step(actor.retired_at, 2, lambda s=station: self._retire(s))
        for act in story.acts:
            self._step(act.at, 3, lambda a=act: self._act(a))
        for at, who, is_on in story.switches:
            self._step(at, 3, lambda w=who, on=is_on: self._switch(w, is_on=on))
        for start, end in story.away:
            for at in (start, end, end + 16, end + 21):
                heapq.heappush(self._heap, at)
        for at in self._arrivals:
            heapq.heappush(self._heap, at)
        heapq.heappush(self._heap, story.end)

    def _step(self, at: int, rank: int, step: Callable[[], None]) -> None:
        self._steps[at].append((rank, step))
        heapq.heappush(self._heap, at)

    def _arrive(self, at: int) -> bool:
        arrived = self._arrivals.pop(at, [])
        if not arrived:
            return False
        deliveries = []
        for actor, contact in sorted(arrived, key=lambda one: one[1].at):
            if contact.interval is not None:
                said = {"at": self.began.timestamp() + contact.at, "next_in": contact.interval}
                deliveries.append(_delivery(actor.serial, "hello", said))
            if contact.values:
                deliveries.append(_delivery(actor.serial, "readings", self._pack(contact)))
        with self._killing("fleet.ingest.stages.contact.station_heard_again"):
            self._take(deliveries)
        if self._has_died:
            self._take(deliveries)
        return True

    def _take(self, deliveries: list[Delivery]) -> None:
        while deliveries:
            outcome = self._pipeline.take(deliveries)
            assert outcome.quarantined == 0
            deliveries = list(outcome.left)
        # The note has the database's own clock, which cannot be moved.
        RuleNote.objects.update(noted_at=datetime.now(tz=UTC))

    def _pack(self, contact: Contact) -> list[dict[str, object]]:
        began = self.began.timestamp()
        units = {"temp": "Cel", "humidity": "%RH"}
        return [
            {"n": one.series, "u": units[one.series], "v": one.value, "t": began + one.at} for one in contact.values
        ]

    def _set_aside(self, station: Station, kind: str, until: datetime) -> None:
        station.refresh_from_db()
        field = "asleep_until" if kind == "sleep" else "maintenance_until"
        station_change(station=station, actor=SERVER, **{field: until})

    def _retire(self, station: Station) -> None:
        Station.objects.filter(pk=station.pk).update(retired_at=datetime.now(tz=UTC))

    def _act(self, act: Act) -> None:
        rules = (
            [act.rule]
            if act.rule == "silence"
            else [key for (_n, name), keys in self.rules.items() if name == act.rule for key in keys]
        )
        incident = Incident.objects.filter(station__serial=act.serial, rule__in=rules, closed_at=None).first()
        if incident is None:
            return
        if act.verb != "acknowledge":
            until = None if act.until is None else self.moment(act.until)
            incident_snooze(actor=SERVER, incident=incident, until=until)
        elif incident.acknowledged_at is None or incident.snoozed_until or incident.is_snoozed_until_change:
            incident_acknowledge(actor=SERVER, incident=incident)

    def _look(self, *, is_eventful: bool) -> None:
        """Run the tasks that beat runs every few seconds; a task that died is run again at once.

        Rules are judged only after something happened: at other moments there is nothing to find.
        """
        self.looks += 1
        for task, inside in (
            (tasks.judge_rules, "fleet.alerts.made.look.found_apply"),
            (tasks.sweep_silence, "fleet.alerts.services.notifications_plan_opened"),
            (tasks.end_snoozes, "fleet.alerts.snoozes.notifications_plan_again"),
        ):
            if task is tasks.judge_rules and not is_eventful:
                continue
            with self._killing(inside):
                task()
            if self._has_died:
                task()
        # The built-in rules must find nothing in this story; sweeping them once an hour is enough.
        now = datetime.now(tz=UTC)
        if now >= self._swept_at + timedelta(hours=1):
            self._swept_at = now
            tasks.sweep_rules()
        tasks.send_notifications(channel="mail")

    @contextmanager
    def _killing(self, inside: str) -> Iterator[None]:
        """Let the process die now and then, just after this call and before the commit."""
        self._has_died = False
        if self._chance.random() >= self._kills:
            yield
            return
        module, name = inside.rsplit(".", 1)
        real = getattr(__import__(module, fromlist=[name]), name)

        def dies(*given: object, **named: object) -> None:
            real(*given, **named)
            self.killed += 1
            raise Killed

        with mock.patch(inside, dies):
            try:
                yield
            except Killed:
                self._has_died = True
                self._pipeline.forget()


def _delivery(serial: str, kind: str, body: object) -> Delivery:
    properties = {"type": kind, "application_headers": {"v": 1}}
    return Delivery(f"in.{serial}", kind, properties, json.dumps(body).encode())
