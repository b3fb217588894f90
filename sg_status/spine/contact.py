"""The contact strip: what arrived, what came later, what is missing, and when nothing was expected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.core.spoken import count_words, duration_words, moment_words
from fleet.stations.contact.hours import ASLEEP, DOWN, HEARD, LATER, MISSING, Hours
from sg_status.spine.axis import Axis

_HOUR: Final = timedelta(hours=1)
#: Gaps that can be reached with the keyboard: the longest. With more, nobody gets past the strip.
_LINKED_MOST: Final = 8
#: The class of each kind.
CLASSES: Final = {HEARD: "c1", LATER: "c2", MISSING: "c0", ASLEEP: "zz", DOWN: "our"}
#: Of the hours in one step, this kind is drawn: the first that occurs.
_BEFORE: Final = (HEARD, LATER, MISSING, DOWN, ASLEEP)

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the strip, explained in words; `kind` is its class, `until` its end for an address."""

    x: float
    width: float
    kind: str
    words: str
    until: str
    is_linked: bool

    @property
    def middle(self) -> float:
        """The point where a thumb taps it."""
        return round(self.x + self.width / 2, 2)

    @property
    def is_thin(self) -> bool:
        """Gaps are thin, so that they can be told apart without colour."""
        return self.kind in (CLASSES[MISSING], CLASSES[ASLEEP])


@dataclass(frozen=True, slots=True)
class Strip:
    """The pieces from left to right, and for how many of the expected hours data has arrived."""

    pieces: list[Piece]
    heard: int
    expected: int
    #: Whether the count starts within the drawing, at the station's beginning.
    is_new: bool

    @property
    def sentence(self) -> str:
        """How much has arrived, in words."""
        if not self.expected:
            return _("Nothing has arrived from this station in this time.")
        if self.heard >= self.expected:
            told = ngettext("The one hour has arrived", "All %(all)s hours have arrived", self.expected)
        else:
            told = ngettext(
                "%(heard)s of %(all)s hour has arrived", "%(heard)s of %(all)s hours have arrived", self.expected
            )
        told %= {"heard": count_words(self.heard), "all": count_words(self.expected)}
        since = pgettext("counted", "since it was added")
        return f"{told} {since}." if self.is_new else f"{told}."


class _Run(NamedTuple):
    begin: datetime
    end: datetime
    kind: str


def strip_of(
    axis: Axis, hours: Hours, *, last_at: datetime | None, is_overdue: bool, excused: Iterable[Period] = ()
) -> Strip:
    """The strip of a station. `excused` are periods in which its data went to another time."""
    runs = _runs(axis, hours)
    if is_overdue and last_at is not None:
        runs = _missed_from(runs, max(last_at, axis.start), axis.moment)
    for period in excused:
        runs = [part for run in runs for part in (_cut(run, period) if run.kind == MISSING else (run,))]
    heard = hours.count(HEARD) + hours.count(LATER)
    expected = heard + hours.count(MISSING)
    return Strip(_pieces(axis, runs), heard, expected, is_new=bool(expected) and not hours.kinds[0])


def _runs(axis: Axis, hours: Hours) -> list[_Run]:
    """Steps of one kind in stretches."""
    runs: list[_Run] = []
    size = axis.step // _HOUR
    for place in range(0, len(hours.kinds), size):
        kinds = hours.kinds[place : place + size]
        kind = next((kind for kind in _BEFORE if kind in kinds), "")
        begin = hours.start + place * _HOUR
        end = min(begin + axis.step, axis.moment)
        if not kind or begin >= end:
            continue
        if runs and runs[-1].kind == kind and runs[-1].end == begin:
            runs[-1] = runs[-1]._replace(end=end)
        else:
            runs.append(_Run(begin, end, kind))
    return runs


def _missed_from(runs: Sequence[_Run], last_at: datetime, moment: datetime) -> list[_Run]:
    """An overdue station is missed from its last contact on, not from the end of that hour."""
    kept = [run._replace(end=min(run.end, last_at)) for run in runs if run.begin < last_at]
    later = [run for run in runs if run.kind in (ASLEEP, DOWN) and run.end > last_at]
    begin = max((run.end for run in later), default=last_at)
    return [*kept, *(run._replace(begin=max(run.begin, last_at)) for run in later), _Run(begin, moment, MISSING)]


def _cut(run: _Run, period: Period) -> list[_Run]:
    """The part of a run within a period."""
    parts = (run._replace(end=min(run.end, period[0])), run._replace(begin=max(run.begin, period[1])))
    return [part for part in parts if part.begin < part.end]


def _pieces(axis: Axis, runs: Sequence[_Run]) -> list[Piece]:
    gaps = sorted((run for run in runs if run.kind != HEARD), key=lambda run: run.begin - run.end)
    linked = set(gaps[:_LINKED_MOST])
    return [
        Piece(
            axis.x(run.begin),
            # A gap of minutes in a year is still to be seen.
            round(max(axis.x(run.end) - axis.x(run.begin), 0.15), 2),
            CLASSES[run.kind],
            _words(run, axis.moment),
            run.end.isoformat().replace("+00:00", "Z"),
            run in linked,
        )
        for run in runs
    ]


def _words(run: _Run, moment: datetime) -> str:
    shapes = {
        HEARD: _("Received: %(from)s to %(to)s (%(duration)s)"),
        LATER: _("Came later: %(from)s to %(to)s (%(duration)s)"),
        MISSING: _("Missing: %(from)s to %(to)s (%(duration)s)"),
        ASLEEP: _("Asleep by plan: %(from)s to %(to)s (%(duration)s)"),
        DOWN: _("Roost itself was down: %(from)s to %(to)s (%(duration)s)"),
    }
    return shapes[run.kind] % {
        "from": moment_words(run.begin, moment),
        "to": moment_words(run.end, moment),
        "duration": duration_words((run.end - run.begin).total_seconds()),
    }
