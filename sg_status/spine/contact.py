"""The contact strip: when data arrived, came later or is missing, and when none was expected."""

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
#: Maximum gaps that the keyboard reaches, the longest ones: with more, it would take too long to get past the strip.
_LINKED_MOST: Final = 8
#: The class of each kind.
CLASSES: Final = {HEARD: "c1", LATER: "c2", MISSING: "c0", ASLEEP: "zz", DOWN: "our"}
#: A step is drawn as the first of these kinds that occurs among its hours.
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
        """Whether it is drawn thin, as gaps are, so that people can tell them apart without colour."""
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
    """The strip of a station. `excused` are periods whose data was filed under another time."""
    runs = _runs(axis, hours)
    if is_overdue and last_at is not None:
        runs = _missed_from(runs, max(last_at, axis.start), axis.moment)
    for period in excused:
        runs = [part for run in runs for part in (_cut(run, period) if run.kind == MISSING else (run,))]
    heard = hours.count(HEARD) + hours.count(LATER)
    expected = heard + hours.count(MISSING)
    return Strip(_pieces(axis, runs), heard, expected, is_new=bool(expected) and not hours.kinds[0])


def _runs(axis: Axis, hours: Hours) -> list[_Run]:
    """Stretches of successive steps of the same kind."""
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
    """The runs of an overdue station, missing from its last contact on and not only from the end of that hour."""
    kept = [run._replace(end=min(run.end, last_at)) for run in runs if run.begin < last_at]
    later = [run for run in runs if run.kind in (ASLEEP, DOWN) and run.end > last_at]
    begin = max((run.end for run in later), default=last_at)
    return [*kept, *(run._replace(begin=max(run.begin, last_at)) for run in later), _Run(begin, moment, MISSING)]


def _cut(run: _Run, period: Period) -> list[_Run]:
    """The parts of a run outside a period."""
    parts = (run._replace(end=min(run.end, period[0])), run._replace(begin=max(run.begin, period[1])))
    return [part for part in parts if part.begin < part.end]


def _pieces(axis: Axis, runs: Sequence[_Run]) -> list[Piece]:
    gaps = sorted((run for run in runs if run.kind != HEARD), key=lambda run: run.begin - run.end)
    linked = set(gaps[:_LINKED_MOST])
    return [
        Piece(
            axis.x(run.begin),
            # Even a gap of minutes stays visible in a year.
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
