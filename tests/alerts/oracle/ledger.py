"""The ledger: who should be told of what, and between which moments, according to the documents alone.

It is written from docs/explanation/contact.md and event-time.md and the decisions they name. It imports nothing from
Roost, and nothing here may be copied from its code: an error in both would never be found.
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from alerts.oracle.story import DAMP, GONE, HARDY_LIMIT, HOUR, MINUTE, PEOPLE, TOO_HOT, Act, Actor, Aside, Story, Value

SILENCE: Final = "silence"
#: Seconds for which a message waits for others.
GROUP_WAIT: Final = 10
#: Maximum seconds from the moment at which somebody should be told until they are.
SOON: Final = 20
SETTLE: Final = 15 * MINUTE
RECONNECT: Final = 330
AFTER_AWAY: Final = 15
#: Seconds for which a value must be missing, and a box damp.
GONE_FOR: Final = 9_000
DAMP_FOR: Final = 2 * HOUR


class Telling(NamedTuple):
    """Somebody should be told of a phase (opened, again, closed) of an incident, between two moments."""

    who: str
    serial: str
    rule: str
    phase: str
    earliest: int
    latest: int
    kind: str


class Quiet(NamedTuple):
    """An event that nobody may be told about."""

    serial: str
    kind: str
    at: int


@dataclass(slots=True)
class _Incident:
    """An incident as the documents describe it."""

    opened_at: int
    told: set[str]
    is_held: bool = False
    snoozed_until: int | None = None
    is_until_change: bool = False
    closed_at: int | None = None
    ends_at: int | None = None


@dataclass(slots=True)
class _Ringing:
    """The state of a rule for a series: its phase, since when, and whether its incident is open."""

    phase: str = ""
    since: int = 0
    is_told: bool = False


@dataclass(slots=True)
class _Known:
    """The state of a station as the documents imply it."""

    actor: Actor
    interval: int = HOUR
    deadline: int | None = None
    is_silent: bool = False
    aside: Aside | None = None
    is_retired: bool = False
    newest: dict[str, int] = field(default_factory=dict)
    rings: dict[str, _Ringing] = field(default_factory=lambda: defaultdict(_Ringing))
    #: For each temperature: when it was measured, and whether it arrived in time.
    reported: list[tuple[int, bool]] = field(default_factory=list)

    @property
    def is_watched(self) -> bool:
        return self.aside is None and not self.is_retired


class Ledger:
    """Reads a story, and lists who should be told, and which events nobody may be told about."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.tellings: list[Telling] = []
        self.quiet: list[Quiet] = []
        self._known = {serial: _Known(actor) for serial, actor in story.actors.items()}
        self._incidents: dict[tuple[str, str], _Incident] = {}
        self._on = {who for who, _organization, is_on in PEOPLE if is_on}
        self._heap: list[tuple[int, int, int, Callable[[int], None]]] = []
        self._numbers = itertools.count()
        self._listens_from = 0
        self._away_from: int | None = None

    def read(self) -> "Ledger":
        """Read the story to its end."""
        self._plan()
        while self._heap:
            at, _rank, _number, step = heapq.heappop(self._heap)
            if at > self.story.end:
                break
            step(at)
        return self

    def _at(self, at: int, rank: int, step: Callable[[int], None]) -> None:
        heapq.heappush(self._heap, (at, rank, next(self._numbers), step))

    def _plan(self) -> None:
        for start, end in self.story.away:
            self._at(start, 0, self._away_begin)
            self._at(end, 0, self._away_end)
        for serial, actor in self.story.actors.items():
            for contact in actor.contacts:
                arrival = self.story.arrives_at(contact.at)
                self._at(arrival, 1, lambda at, s=serial, c=contact: self._contact(s, c.values, c.interval, at))
            for aside in actor.asides:
                self._at(aside.start, 2, lambda at, s=serial, a=aside: self._aside_begin(s, a, at))
                self._at(aside.end, 2, lambda at, s=serial, a=aside: self._aside_end(s, a, at))
            if actor.retired_at is not None:
                self._at(actor.retired_at, 2, lambda at, s=serial: self._retire(s, at))
        for act in self.story.acts:
            self._at(act.at, 3, lambda _at, a=act: self._act(a))
        for moment, who, is_on in self.story.switches:
            self._at(moment, 3, lambda _at, w=who, on=is_on: self._on.add(w) if on else self._on.discard(w))

    # Contact and silence

    def _contact(self, serial: str, values: tuple[Value, ...], interval: int | None, at: int) -> None:
        known = self._known[serial]
        known.interval = interval or known.interval
        self._deadline_set(serial, at + 3 * known.interval + 10)
        known.is_silent = False
        self._close(serial, SILENCE, at)
        if values:
            self._values(known, values, at)

    def _deadline_set(self, serial: str, deadline: int) -> None:
        self._known[serial].deadline = deadline
        self._at(deadline, 5, lambda at: self._deadline_pass(serial, deadline, at))

    def _deadline_pass(self, serial: str, deadline: int, at: int) -> None:
        known = self._known[serial]
        if known.deadline != deadline or known.is_silent or self._away_from is not None:
            return
        if at < self._listens_from:
            self._at(self._listens_from, 5, lambda later: self._deadline_pass(serial, deadline, later))
            return
        if not known.is_watched:
            self.quiet.append(Quiet(serial, "silence that was planned", at))
            return
        known.is_silent = True
        self._open(serial, SILENCE, at, "silence")

    def _away_begin(self, at: int) -> None:
        self._away_from = at

    def _away_end(self, at: int) -> None:
        self._away_from, self._listens_from = None, at + AFTER_AWAY
        for serial, known in self._known.items():
            if known.deadline is not None and not known.is_silent:
                if known.deadline <= at and known.is_watched:
                    self.quiet.append(Quiet(serial, "silence while we were away", at))
                self._deadline_set(serial, at + 3 * known.interval + RECONNECT)

    def _aside_begin(self, serial: str, aside: Aside, at: int) -> None:
        known = self._known[serial]
        known.aside = aside
        self._close(serial, SILENCE, at, is_told=False)
        if aside.kind == "maintenance":
            self._rules_end(serial, at)

    def _aside_end(self, serial: str, aside: Aside, at: int) -> None:
        known = self._known[serial]
        if self._away_from is not None or at < self._listens_from:
            later = self._listens_from if self._away_from is None else self.story.arrives_at(at) + AFTER_AWAY
            self._at(later, 2, lambda moment: self._aside_end(serial, aside, moment))
            return
        known.aside = None
        is_overdue = known.deadline is not None and known.deadline < at
        if known.is_watched and (known.is_silent or is_overdue):
            known.is_silent = True
            self._open(serial, SILENCE, at, f"silence that outlasts {aside.kind}")

    def _retire(self, serial: str, at: int) -> None:
        self._known[serial].is_retired = True
        self._close(serial, SILENCE, at, is_told=False)
        self._rules_end(serial, at)

    def _rules_end(self, serial: str, at: int) -> None:
        known = self._known[serial]
        known.rings.clear()
        for rule in (TOO_HOT, DAMP, GONE):
            self._close(serial, rule, at, is_told=False)

    # Incidents

    def _open(self, serial: str, rule: str, at: int, kind: str) -> None:
        known = self._incidents.get((serial, rule))
        if known is not None and known.closed_at is not None and known.ends_at is not None and known.ends_at > at:
            known.closed_at = known.ends_at = None
            self.quiet.append(Quiet(serial, "again within 15 minutes, acknowledged", at))
        else:
            organization = self.story.actors[serial].organization
            told = {who for who, of, _on in PEOPLE if of == organization and who in self._on}
            known = self._incidents[serial, rule] = _Incident(at, told)
            self._tell(told, serial, rule, "opened", at, kind)
        for (other, of), incident in self._incidents.items():
            if other == serial and of != rule and incident.closed_at is None and incident.is_until_change:
                self._wake(serial, of, incident, at, "a snooze ended by a change")

    def _close(self, serial: str, rule: str, at: int, *, is_told: bool = True) -> None:
        known = self._incidents.get((serial, rule))
        if known is None or known.closed_at is not None:
            return
        known.closed_at = at
        if not is_told:
            self.quiet.append(Quiet(serial, "closed because it is planned", at))
            return
        if at - known.opened_at < GROUP_WAIT and not known.is_held:
            self.quiet.append(Quiet(serial, "over before anybody was told", at))
            return
        kind = "return" if rule == SILENCE else f"end of {rule}"
        if not known.is_held or known.is_until_change:
            self._tell(known.told & self._on, serial, rule, "closed", at, kind)
            return
        ends_at = min(at + SETTLE, known.snoozed_until or at + SETTLE)
        known.ends_at = ends_at
        # The people to tell are those whose mails are on now and again when it ends.
        told = known.told & self._on
        self._at(ends_at, 4, lambda moment: self._end_tell(known, told, serial, rule, moment))

    def _end_tell(self, incident: _Incident, told: set[str], serial: str, rule: str, at: int) -> None:
        if incident.closed_at is not None and incident.ends_at == at:
            self._tell(told & self._on, serial, rule, "closed", at, "end of what was acknowledged")

    def _act(self, act: Act) -> None:
        incident = self._incidents.get((act.serial, act.rule))
        if incident is None or incident.closed_at is not None:
            return
        if (
            act.verb == "acknowledge"
            and incident.is_held
            and not incident.snoozed_until
            and not incident.is_until_change
        ):
            return
        incident.is_held = True
        incident.snoozed_until, incident.is_until_change = act.until, act.verb == "snooze until it changes"
        if act.until is not None:
            self._at(act.until, 3, lambda moment: self._snooze_end(act, incident, moment))

    def _snooze_end(self, act: Act, incident: _Incident, at: int) -> None:
        if incident.closed_at is None and incident.snoozed_until == at:
            self._wake(act.serial, act.rule, incident, at, "end of a snooze")

    def _wake(self, serial: str, rule: str, incident: _Incident, at: int, kind: str) -> None:
        incident.is_held = incident.is_until_change = False
        incident.snoozed_until = None
        self._tell(incident.told & self._on, serial, rule, "again", at, kind)

    def _tell(self, told: set[str], serial: str, rule: str, phase: str, at: int, kind: str) -> None:
        self.tellings += [Telling(who, serial, rule, phase, at, at + SOON, kind) for who in sorted(told)]

    # Rules that people made

    def _values(self, known: _Known, values: tuple[Value, ...], at: int) -> None:
        allowance = max(HOUR, int(1.5 * known.interval))
        newer: dict[str, list[Value]] = defaultdict(list)
        for value in sorted(values, key=lambda one: one.at):
            if value.at > known.newest.get(value.series, -1):
                newer[value.series].append(value)
                known.newest[value.series] = value.at
            else:
                self.quiet.append(Quiet(known.actor.serial, "a value behind newer ones", at))
        for value in values:
            if value.series == "temp":
                known.reported.append((value.at, self._lateness(value.at, at) <= allowance))
        known.reported.sort()
        if known.is_retired or (known.aside is not None and known.aside.kind == "maintenance"):
            return
        limit = HARDY_LIMIT if known.actor.is_hardy else 30.0
        self._judge(known, TOO_HOT, newer["temp"], at, limit=limit, clear=limit - 2.0, hold=0, allowance=allowance)
        self._judge(known, DAMP, newer["humidity"], at, limit=80.0, clear=80.0, hold=DAMP_FOR, allowance=allowance)
        self._missing_judge(known, at, allowance)

    def _judge(
        self, known: _Known, rule: str, values: list[Value], at: int, *, limit: float, clear: float, hold: int,
        allowance: int,
    ) -> None:  # fmt: skip
        ring, serial = known.rings[rule], known.actor.serial
        is_past = False
        for value in values:
            if ring.phase == "ringing":
                if value.value <= clear:
                    if ring.is_told:
                        self._close(serial, rule, at)
                    is_past = is_past or not ring.is_told
                    ring.phase, ring.is_told = "", False
            elif value.value <= limit:
                ring.phase = ""
            else:
                ring.since = ring.since if ring.phase else value.at
                ring.phase = "ringing" if value.at - ring.since >= hold else "pending"
        if values and ring.phase == "ringing" and not ring.is_told:
            ring.is_told = self._lateness(values[-1].at, at) <= allowance
            if ring.is_told:
                self._open(serial, rule, at, rule)
            is_past = is_past or not ring.is_told
        if is_past:
            self.quiet.append(Quiet(serial, f"{rule}, found later", at))

    def _missing_judge(self, known: _Known, at: int, allowance: int) -> None:
        last, newest = known.newest.get("humidity"), max(known.newest.values())
        if last is None:
            return
        ring = known.rings[GONE]
        if ring.is_told and last > ring.since and newest - last < GONE_FOR:
            ring.is_told = False
            self._close(known.actor.serial, GONE, at)
        elif not ring.is_told and newest - last >= GONE_FOR and self._lateness(newest, at) <= allowance:
            # The newest report after the missing value and before the rule's time began must have arrived in time.
            before = [came for when, came in known.reported if last < when <= newest - GONE_FOR]
            if before and before[-1]:
                ring.is_told, ring.since = True, last
                self._open(known.actor.serial, GONE, at, GONE)

    def _lateness(self, measured: int, at: int) -> int:
        away = sum(max(min(end, at) - max(start, measured), 0) for start, end in self.story.away)
        return at - measured - away
