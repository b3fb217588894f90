"""The life of a fleet over some weeks, made from a seed: messages of stations, acts of people, and our own downtime.

A story knows nothing of Roost. All times are whole seconds since its beginning. `stage` plays it to Roost, and `ledger`
reads it to say who should have been told.
"""

import random
from dataclasses import dataclass, field
from typing import Final

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SLOT: Final = 10 * MINUTE
#: Stations report at only two moments of the hour, so that one run of the tasks serves many of them.
PHASE: Final = 30 * MINUTE
#: The names of the rules that people made.
TOO_HOT, DAMP, GONE = "Too hot", "Damp", "Humidity gone"
#: The limit in the rule of a station that has its own rule named `TOO_HOT`.
HARDY_LIMIT: Final = 45.0


@dataclass(frozen=True, slots=True)
class Value:
    """A value as a station measured it."""

    series: str
    at: int
    value: float


@dataclass(frozen=True, slots=True)
class Contact:
    """A message of a station: its values, the oldest first; `interval`: seconds to the next, if it says so."""

    at: int
    values: tuple[Value, ...] = ()
    interval: int | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """Silence that is planned: `maintenance` or `sleep`, both of which end by themselves."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Act:
    """An act of a person on an incident: acknowledge it, snooze it until a moment, or snooze it until it changes."""

    at: int
    serial: str
    rule: str
    verb: str
    until: int | None = None


@dataclass(slots=True)
class Actor:
    """One station of the story."""

    serial: str
    organization: int
    interval: int
    kinds: set[str] = field(default_factory=set)
    contacts: list[Contact] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)
    retired_at: int | None = None
    is_hardy: bool = False


@dataclass(slots=True)
class Story:
    """A whole story. `away`: when ingest was down; `switches`: moment, person, and whether mails are on from then."""

    seed: int
    days: int
    actors: dict[str, Actor] = field(default_factory=dict)
    away: list[tuple[int, int]] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    switches: list[tuple[int, str, bool]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The last moment."""
        return self.days * DAY

    def arrives_at(self, moment: int) -> int:
        """The moment at which a message sent now is taken: the broker keeps it while ingest is away."""
        return next((end for start, end in self.away if start < moment <= end), moment)

    def is_away_near(self, moment: int) -> bool:
        """Whether ingest is away within an hour of this moment."""
        return any(start - HOUR < moment < end + HOUR for start, end in self.away)


#: Person, organization, and whether mails are on at first.
PEOPLE: Final = (("ana", 0, True), ("bo", 0, False), ("cy", 0, True), ("di", 1, True), ("eve", 1, True))


def story_of(*, seed: int, stations: int, days: int) -> Story:
    """Make the story of a seed."""
    chance = random.Random(seed)
    story = Story(seed, days)
    _away_plan(story, chance)
    for number in range(stations):
        actor = Actor(
            f"SG-ORACLE{number:04d}", chance.choice((0, 0, 1)), chance.choice((1_800, 3_600, 3_600, 3_600, 21_600))
        )
        story.actors[actor.serial] = actor
        _Life(story, actor, chance).live()
    for _ in range(days // 2):
        # At second 17, when nothing else happens.
        start = _moment(story, chance, DAY, story.end - 2 * DAY) + 17
        who = chance.choice(("cy", "eve"))
        story.switches += [(start, who, False), (start + chance.randrange(2, 30) * HOUR, who, True)]
    story.switches = _alternating(sorted(story.switches))
    story.acts.sort(key=lambda act: act.at)
    return story


def _alternating(switches: list[tuple[int, str, bool]]) -> list[tuple[int, str, bool]]:
    is_on: dict[str, bool] = {}
    kept = []
    for at, who, on in switches:
        if is_on.get(who, True) != on:
            kept.append((at, who, on))
            is_on[who] = on
    return kept


def _away_plan(story: Story, chance: random.Random) -> None:
    """Ingest is away once every few days, for a minute or for a night."""
    at = DAY + chance.randrange(DAY)
    while at < story.end - DAY:
        lasts = chance.choice((90, 8 * MINUTE, 70 * MINUTE, 5 * HOUR, 11 * HOUR))
        story.away.append((at + 41, at + 41 + lasts))
        at += lasts + chance.randrange(2 * DAY, 5 * DAY)


def _moment(story: Story, chance: random.Random, start: int, end: int) -> int:
    """A random moment, a multiple of ten minutes, with ingest up for an hour before and after it."""
    while True:
        moment = chance.randrange(start // SLOT, max(end // SLOT, start // SLOT + DAY // SLOT)) * SLOT
        if not story.is_away_near(moment):
            return moment


class _Life:
    """Makes the life of one station."""

    def __init__(self, story: Story, actor: Actor, chance: random.Random) -> None:
        self.story, self.actor, self.chance = story, actor, chance
        #: Outages of the station, as (start, end); it sends the values of that time afterwards.
        self.dark: list[tuple[int, int]] = []
        self.flaps: list[tuple[int, int]] = []
        self.heats: list[tuple[int, int]] = []
        self.damps: list[tuple[int, int]] = []
        self.no_humidity: list[tuple[int, int]] = []
        self.has_humidity = actor.interval == HOUR and chance.random() < 0.6
        self.late: list[Contact] = []

    def live(self) -> None:
        """Plan the events of the station's life, then its messages."""
        actor, chance, end = self.actor, self.chance, self.story.end
        if chance.random() < 0.06:
            actor.kinds.add("never reports")
            return
        for kind, likely, plan in (
            ("outages", 0.7, self._outages_plan),
            ("flapping", 0.25, self._flaps_plan),
            ("sleeps by plan", 0.2, self._sleeps_plan),
            ("maintenance", 0.3, self._maintenance_plan),
            ("heat", 0.5, self._heats_plan),
            ("damp", 0.5 if self.has_humidity else 0.0, self._damps_plan),
            ("a value is missing", 0.4 if self.has_humidity else 0.0, self._missing_plan),
        ):
            if chance.random() < likely:
                actor.kinds.add(kind)
                plan()
        actor.is_hardy = chance.random() < 0.1
        if chance.random() < 0.08:
            actor.kinds.add("retired")
            actor.retired_at = _moment(self.story, chance, 5 * DAY, end - DAY) + 23
        self._send()

    def _span(self, lasts: int) -> tuple[int, int]:
        start = _moment(self.story, self.chance, min(2 * DAY, self.story.end // 4), self.story.end - lasts - DAY // 4)
        return start, start + lasts

    def _is_free(self, start: int, end: int, spans: list[tuple[int, int]], room: int = DAY) -> bool:
        return all(end + room < one or start - room > other for one, other in spans)

    def _outages_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 5)):
            lasts = int(min(self.actor.interval * 2.0 ** self.chance.uniform(-1.0, 6.0), 4 * DAY)) // MINUTE * MINUTE
            start, end = self._span(lasts)
            if self._is_free(start, end, self.dark):
                self.dark.append((start, end))
                self._act_perhaps("silence", start + 3 * self.actor.interval, end)

    def _act_perhaps(self, rule: str, soonest: int, until: int) -> None:
        """Perhaps let somebody act on the incident some time after it was reported."""
        if self.chance.random() > 0.5:
            return
        # At second 31, when nothing else happens.
        at = soonest // MINUTE * MINUTE + self.chance.randrange(5, 90) * MINUTE + 31
        verb = self.chance.choice(("acknowledge", "acknowledge", "snooze", "snooze until it changes"))
        wakes = at + self.chance.choice((20 * MINUTE, 2 * HOUR, DAY)) if verb == "snooze" else None
        if at < until + HOUR and not self.story.is_away_near(at):
            self.story.acts.append(Act(at, self.actor.serial, rule, verb, wakes))

    def _flaps_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            start, end = self._span(2 * HOUR)
            if self._is_free(start, end, [*self.dark, *self.flaps]):
                self.flaps.append((start, end))

    def _sleeps_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            start, end = self._span(self.chance.randrange(6, 60) * HOUR)
            busy = [*self.dark, *self.flaps, *((one.start, one.end) for one in self.actor.asides)]
            if self._is_free(start, end, busy):
                # It wakes a little before the plan says so, or much later.
                wakes = end - self.actor.interval // 2 if self.chance.random() < 0.6 else end + 12 * self.actor.interval
                self.dark.append((start, wakes))
                self.actor.asides.append(Aside("sleep", start + 37, end + 37))

    def _maintenance_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            start, end = self._span(self.chance.randrange(2, 30) * HOUR)
            if self._is_free(start, end, [(one.start, one.end) for one in self.actor.asides]):
                self.actor.asides.append(Aside("maintenance", start + 37, end + 37))
                if self.chance.random() < 0.5 and self._is_free(start, end, [*self.dark, *self.flaps]):
                    self.dark.append((start + HOUR, end + self.chance.choice((-HOUR, 2 * DAY))))

    def _heats_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 6)):
            start, end = self._span(self.chance.randrange(2, 40) * HOUR)
            if self._is_free(start, end, self.heats, 6 * HOUR):
                self.heats.append((start, end))
                self._act_perhaps(TOO_HOT, start, end)
        if self.dark and self.chance.random() < 0.7:
            # Heat during an outage, which is over before its values arrive.
            start, end = self.chance.choice(self.dark)
            if end - start > 6 * self.actor.interval:
                heat = start + 2 * self.actor.interval, end - 2 * self.actor.interval
                if self._is_free(*heat, self.heats, 6 * HOUR):
                    self.heats.append(heat)

    def _damps_plan(self) -> None:
        asides = [(one.start, one.end) for one in self.actor.asides]
        for _ in range(self.chance.randrange(1, 5)):
            start, end = self._span(self.chance.randrange(1, 20) * HOUR)
            if self._is_free(start, end, [*self.damps, *asides], 6 * HOUR):
                self.damps.append((start, end))

    def _missing_plan(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            start, end = self._span(self.chance.randrange(2, 40) * HOUR)
            if self._is_free(start, end, [*self.no_humidity, *self.damps], 6 * HOUR):
                self.no_humidity.append((start, end))

    def _send(self) -> None:
        actor, chance = self.actor, self.chance
        first = chance.randrange(1, actor.interval // PHASE + 1) * PHASE
        if chance.random() < 0.15:
            actor.kinds.add("new")
            first += chance.randrange(1, self.story.days) * DAY
        last = actor.retired_at if actor.retired_at is not None and chance.random() < 0.5 else self.story.end
        kept: list[int] = []
        for at in range(first, last, actor.interval):
            if any(start <= at < end for start, end in self.flaps):
                continue
            if any(start <= at < end for start, end in self.dark):
                kept.append(at)
                continue
            back = next((end for start, end in self.dark if kept and at - actor.interval < end <= at), None)
            if back is not None and back < at:
                self._back(back, kept)
                kept = []
            self._report(at, kept)
            kept = []
        for start, _end in self.flaps:
            if first < start < last:
                self._flap(start)
        contacts = sorted([*actor.contacts, *self.late], key=lambda contact: contact.at)
        if contacts:
            contacts[0] = Contact(contacts[0].at, contacts[0].values, actor.interval)
        actor.contacts = contacts

    def _report(self, at: int, kept: list[int]) -> None:
        """Send one report, with the values kept since the last one."""
        values = [value for moment in (*kept, at) for value in self._values(moment)]
        self.actor.contacts.append(Contact(at, tuple(values)))

    def _back(self, at: int, kept: list[int]) -> None:
        """Come back from an outage and send the stored values: at once, or in three parts, oldest first."""
        if len(kept) > 6 and self.chance.random() < 0.5:
            third = len(kept) // 3
            for part in range(2):
                some = kept[part * third : (part + 1) * third]
                self.actor.contacts.append(
                    Contact(at + part * MINUTE, tuple(value for moment in some for value in self._values(moment)))
                )
            at, kept = at + 2 * MINUTE, kept[2 * third :]
        self._report(at, kept)

    def _flap(self, start: int) -> None:
        """Report every two minutes or so for about two hours; each pause of more than six minutes is a silence."""
        at, interval = start, 2 * MINUTE
        while at < start + 2 * HOUR - 25 * MINUTE:
            self.actor.contacts.append(Contact(at, tuple(self._values(at)), interval))
            self._act_perhaps_flapping(at)
            # 377 s: the silence has been noticed, but nobody has been told yet.
            at += self.chance.choice((60, 120, 300, 400, 500, 840, 1_200, 377))
        self.actor.contacts.append(Contact(at, tuple(self._values(at)), self.actor.interval))

    def _act_perhaps_flapping(self, at: int) -> None:
        if self.chance.random() < 0.25:
            verb = self.chance.choice(("acknowledge", "snooze"))
            wakes = at + 391 + self.chance.choice((5, 30)) * MINUTE if verb == "snooze" else None
            self.story.acts.append(Act(at + 391, self.actor.serial, "silence", verb, wakes))

    def _values(self, at: int) -> list[Value]:
        """Values measured five seconds before this moment."""
        at -= 5
        found = [Value("temp", at, self._temperature(at))]
        if self.has_humidity and not _is_in(at, self.no_humidity):
            found.append(Value("humidity", at, 90.0 if _is_in(at, self.damps) else 50.0))
        return found

    def _temperature(self, at: int) -> float:
        if _is_in(at, self.heats):
            # Values around the limit must raise one alert only.
            return self.chance.choice((31.0, 35.0, 29.0))
        return 20.0


def _is_in(moment: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= moment < end for start, end in spans)
