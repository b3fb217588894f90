"""The parts of a plot: lines of dots, bands behind them, and the period that its axis shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from django.utils.translation import gettext as _

from fleet.core.spoken import duration_words
from sg_status.words import quantity_words

#: Maximum lines in one plot: nobody can tell more apart.
LINES_MOST: Final = 8
#: Number of colours; further lines are dashed.
COLOURS: Final = 4
#: With more units than this, two share a pane, with an axis on each side.
PANES_MOST: Final = 2

BandKind = Literal["night", "incident", "down", "deployment"]


class Dot(NamedTuple):
    """One drawn value: a reading, or the mean of several with the lowest and highest."""

    at: datetime
    value: float
    low: float | None = None
    high: float | None = None
    #: The line leaves out a doubted reading. A mean that contains one stays in the line and is marked.
    is_doubted: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. `unit` as people write it: lines of one unit share an axis.

    A pause longer than `gap_from` is a gap. `step`: each value holds for that long, from a baseline of zero.
    """

    label: str
    unit: str
    dots: Sequence[Dot]
    gap_from: timedelta
    step: timedelta | None = None
    #: A horizontal limit with its words, such as the voltage of a low battery.
    limit: tuple[float, str] | None = None

    @property
    def joined(self) -> list[Dot]:
        """The dots that its line connects: single readings that are doubted are left out."""
        return [dot for dot in self.dots if not dot.is_doubted or dot.low is not None]

    @property
    def doubted(self) -> list[Dot]:
        """The dots marked as doubted."""
        return [dot for dot in self.dots if dot.is_doubted]

    @property
    def last(self) -> Dot | None:
        """The newest value of the line."""
        joined = self.joined
        return joined[-1] if joined else None

    def runs(self) -> Iterator[list[Dot]]:
        """The connected stretches of the line, oldest first."""
        run: list[Dot] = []
        for dot in self.joined:
            if run and dot.at - run[-1].at > self.gap_from:
                yield run
                run = []
            run.append(dot)
        if run:
            yield run

    def gaps(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Pauses longer than `gap_from` between two moments, including before the first dot and after the last."""
        moments = [start, *(dot.at for dot in self.dots), end]
        return [(before, after) for before, after in pairwise(moments) if after - before > self.gap_from]


class Band(NamedTuple):
    """A period behind the lines with its words; of a deployment only its start is drawn."""

    kind: BandKind
    start: datetime
    end: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot. Its axis runs exactly from `start` to `end`, even without data there; `name` is its id in the page."""

    name: str
    lines: Sequence[Line]
    start: datetime
    end: datetime
    now: datetime
    bands: Sequence[Band] = ()
    #: How values were combined, in words: "Every reading is drawn."
    level: str = ""
    #: The first line over a whole year, from which people choose a period; None for no such plot.
    year: "Figure | None" = None
    #: The address of the drawing as a file; empty if there is none.
    svg: str = ""

    @property
    def panes(self) -> list[list[tuple[str, list[int]]]]:
        """The panes from the top: each has one or two units, and each unit the indices of its lines."""
        units: dict[str, list[int]] = {}
        for place, line in enumerate(self.lines[:LINES_MOST]):
            units.setdefault(line.unit, []).append(place)
        found = list(units.items())
        # Two single lines are easier to compare in one pane; more lines of two units are easier to tell apart in two.
        together = 2 if len(found) > PANES_MOST or len(self.lines) <= PANES_MOST else 1
        return [found[first : first + together] for first in range(0, len(found), together)]

    @property
    def words(self) -> str:
        """The plot in words, for people who cannot see it."""
        said = [_line_words(line, self) for line in self.lines]
        said += [band.words for band in self.bands if band.kind != "night"]
        return " ".join(f"{each.rstrip('.')}." for each in said) or _("No data in this period.")


def _line_words(line: Line, figure: Figure) -> str:
    if (last := line.last) is None:
        return _("%(name)s: no data in this period") % {"name": line.label}
    said = _("%(name)s: from %(low)s to %(high)s, last %(last)s") % {
        "name": line.label,
        "low": quantity_words(min(dot.value if dot.low is None else dot.low for dot in line.joined), line.unit),
        "high": quantity_words(max(dot.value if dot.high is None else dot.high for dot in line.joined), line.unit),
        "last": quantity_words(last.value, line.unit),
    }
    missing = sum((end - start for start, end in line.gaps(figure.start, min(figure.end, figure.now))), timedelta())
    if missing:
        said += ", " + _("no data for %(duration)s") % {"duration": duration_words(missing.total_seconds())}
    return said
