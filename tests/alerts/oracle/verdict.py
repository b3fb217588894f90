"""Compares what people were told with the ledger: a table by kind, and the history around each difference."""

from collections import Counter, defaultdict
from typing import Final, NamedTuple

from alerts.oracle.ledger import Ledger, Telling
from alerts.oracle.stage import Stage
from alerts.oracle.story import DAY, HOUR, Contact

from fleet.alerts.models import Incident, Notification

#: Differences whose history is printed.
SHOWN_MOST: Final = 6


class Told(NamedTuple):
    """A person was told of a phase of an incident."""

    who: str
    serial: str
    rule: str
    phase: str
    at: float


class Verdict:
    """The comparison of a whole story."""

    def __init__(self, stage: Stage, ledger: Ledger, *, slack: int = 0) -> None:
        self._stage, self._ledger, self._slack = stage, ledger, slack
        self.expected = Counter[str]()
        self.told = Counter[str]()
        self.missed: list[Telling] = []
        self.false: list[Told] = []
        self.doubled: list[Told] = []
        names = {key: name for (_number, name), keys in stage.rules.items() for key in keys}
        self._messages = [
            Told(mail.split("@")[0], serial, names.get(rule, rule), phase, stage.seconds(at))
            for mail, serial, rule, phase, at in Notification.objects.filter(
                state="sent"
            ).values_list("recipient", "incidents__station__serial", "rule", "phase", "sent_at")
        ]  # fmt: skip
        self._compare()

    @property
    def is_clean(self) -> bool:
        """Whether there is no difference."""
        return not (self.missed or self.false or self.doubled)

    def _compare(self) -> None:
        told: dict[tuple[str, ...], list[Told]] = defaultdict(list)
        for one in sorted(self._messages, key=lambda one: one.at):
            told[one[:4]].append(one)
        # Whatever is due only after the end of the story counts neither as missed nor as false.
        due = [one for one in self._ledger.tellings if one.latest + self._slack < self._stage.story.end]
        undecided = [one for one in self._ledger.tellings if one.latest + self._slack >= self._stage.story.end]
        matched: list[Told] = []
        for one in sorted(due, key=lambda one: one.earliest):
            self.expected[one.kind] += 1
            hit = next((each for each in told[one[:4]] if self._is_hit(one, each)), None)
            if hit is None:
                self.missed.append(one)
            else:
                self.told[one.kind] += 1
                told[one[:4]].remove(hit)
                matched.append(hit)
        for rest in told.values():
            for each in rest:
                if any(self._is_hit(one, each) for one in undecided if one[:4] == each[:4]):
                    continue
                is_double = any(one[:4] == each[:4] and abs(one.at - each.at) < HOUR for one in matched)
                (self.doubled if is_double else self.false).append(each)

    def _is_hit(self, one: Telling, each: Told) -> bool:
        return one.earliest <= each.at <= one.latest + self._slack

    def table(self) -> str:
        """A line for each kind of event; those that nobody may be told about come last."""
        quiet = Counter(one.kind for one in self._ledger.quiet)
        missed = Counter(one.kind for one in self.missed)
        # A false message is counted under the quiet event of its station in the hour before, if there was one.
        false, doubled = Counter[str](), Counter[str]()
        for each in self.false:
            near = [
                one.kind for one in self._ledger.quiet if one.serial == each.serial and 0 <= each.at - one.at < HOUR
            ]
            false[near[-1] if near else f"{each.rule}, {each.phase}"] += 1
        for each in self.doubled:
            doubled[f"{each.rule}, {each.phase}"] += 1
        lines = [f"{'kind of event':42}{'how many':>10}{'told':>8}{'missed':>8}{'false':>8}{'doubled':>9}"]
        kinds = [
            *sorted(self.expected),
            *sorted(quiet),
            *sorted((false | doubled).keys() - self.expected - quiet.keys()),
        ]
        lines += [
            f"{kind:42}{self.expected[kind] or quiet[kind]:>10}{self.told[kind]:>8}{missed[kind]:>8}{false[kind]:>8}"
            f"{doubled[kind]:>9}"
            for kind in kinds
        ]
        total = len(self.missed), len(self.false), len(self.doubled)
        lines.append(
            f"{'all':42}{self.expected.total():>10}{self.told.total():>8}{total[0]:>8}{total[1]:>8}{total[2]:>9}"
        )
        return "\n".join(lines)

    def differences(self) -> str:
        """The first differences, each with the history of its station around it."""
        found = [("missed", one, one.earliest) for one in self.missed]
        found += [("false", one, int(one.at)) for one in self.false]
        found += [("doubled", one, int(one.at)) for one in self.doubled]
        found.sort(key=lambda one: one[2])
        return "\n\n".join(f"{word}: {one}\n{self._history(one.serial, at)}" for word, one, at in found[:SHOWN_MOST])

    def _history(self, serial: str, at: int) -> str:
        story, stage = self._stage.story, self._stage
        actor = story.actors[serial]
        start, end = at - DAY, at + DAY // 4
        lines: list[tuple[float, str]] = [(one.at, _sent_words(one)) for one in actor.contacts]
        lines += [(one.start, f"{one.kind} until {_spoken(one.end)}") for one in actor.asides]
        lines += [
            (one.at, f"a person: {one.verb} {one.rule} {one.until or ''}") for one in story.acts if one.serial == serial
        ]
        lines += [(begin, f"ingest is away until {_spoken(over)}") for begin, over in story.away]
        lines += [(one.at, f"QUIET {one.kind}") for one in self._ledger.quiet if one.serial == serial]
        lines += [
            (one.earliest, f"SHOULD tell {one.who} {one.rule} {one.phase}: {one.kind}")
            for one in self._ledger.tellings
            if one.serial == serial
        ]
        lines += [(one.at, f"TOLD {one.who} {one.rule} {one.phase}") for one in self._messages if one.serial == serial]
        for one in Incident.objects.filter(station__serial=serial):
            what = f"incident {one.pk} {one.title or one.rule}{', found later' if one.is_found_later else ''}"
            lines.append((stage.seconds(one.opened_at), f"{what} opened, began {_spoken(stage.seconds(one.began_at))}"))
            if one.closed_at is not None:
                lines.append((stage.seconds(one.closed_at), f"{what} closed: {one.closing_sentence[:60]}"))
        if actor.retired_at is not None:
            lines.append((actor.retired_at, "retired"))
        near = sorted((when, text) for when, text in lines if start <= when <= end)
        about = f"  {serial}, every {actor.interval} s{', hardy' if actor.is_hardy else ''}: {', '.join(sorted(actor.kinds))}"
        return "\n".join([about, *(f"  {_spoken(when)}  {text}" for when, text in near)])


def _sent_words(contact: Contact) -> str:
    """A contact in words, with its newest values."""
    newest = " ".join(f"{one.series}={one.value:g}@{_spoken(one.at)}" for one in contact.values[-4:])
    said = f", the next within {contact.interval} s" if contact.interval else ""
    return f"sends {len(contact.values)} values{said}: {newest}"


def _spoken(at: float) -> str:
    day, rest = divmod(int(at), DAY)
    return f"{day:02}d {rest // HOUR:02}:{rest // 60 % 60:02}:{rest % 60:02}"
