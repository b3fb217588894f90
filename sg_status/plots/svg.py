"""Plots as SVG: fluid within a page, where text keeps its size, or as a separate file that contains its colours."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from sg_status.plots.figure import COLOURS, Band, Dot, Figure, Line
from sg_status.plots.scales import AxisScale, moment_ticks, scale_of, tick_words
from sg_status.words import quantity_words

#: Pixels: above the first pane, between two, and below the last.
TOP: Final = 26
#: An incident reaches this far above the first pane, so that its bar does not cover the top number of the axis.
ABOVE: Final = 18
BETWEEN: Final = 22
FOOT: Final = 20
#: The share of the width that the plot takes; the names of the lines are beside it.
SHARE: Final = 85
YEAR_HEIGHT: Final = 30
_ONE, _FIRST, _SECOND, _MORE = 260, 210, 120, 130
#: A path is drawn in a box of this size, which is then stretched.
_WIDTH, _HEIGHT = 1000, 100
#: Names of lines keep this distance from each other.
_NAME_GAP: Final = 13.0
#: Characters of a name alone, and of a name with its value, for which there is room.
_NAME_CHARACTERS: Final = 20
_NAME_AND_VALUE: Final = 19
_FILE_WIDTH: Final = 1100

#: The rules of the style sheet's classes, for a file that is opened without it: always in light colours.
_INK, _WEAK, _LINE, _BAD, _WARN = "#1d1c19", "#6a665c", "#e4e1d7", "#b01f1a", "#8c4f00"
_COLOURS: Final = ("#2f3f9f", "#a3490c", "#1c7289", "#7a3e86")
_LINES: Final = ("l1", "l2", "l3", "l4")
_FILLS: Final = ("t1", "t2", "t3", "t4")
_LOOKS: Final = {
    "grid": f'stroke="{_LINE}"',
    "night": f'fill="{_INK}" fill-opacity=".04"',
    "inc": f'fill="{_BAD}" fill-opacity=".09"',
    "incl": f'fill="{_BAD}"',
    "our": f'fill="{_WEAK}" fill-opacity=".25"',
    "dep": 'stroke="#55514a" stroke-dasharray="4 3"',
    "limit": f'stroke="{_WARN}" stroke-dasharray="5 4"',
    "lim": f'fill="{_WARN}"',
    "nowl": f'stroke="{_COLOURS[0]}" stroke-width="1.5"',
    "now": f'fill="{_COLOURS[0]}" font-weight="600"',
    "sus": f'fill="#fff" stroke="{_WARN}" stroke-width="1.5"',
    "m": 'text-anchor="middle"',
    "e": 'text-anchor="end"',
    "dash": 'stroke-dasharray="6 3"',
    "came": 'fill="none" stroke-width="7" stroke-opacity=".35" stroke-linecap="round"',
    "alone": 'fill="none" stroke-width="4" stroke-linecap="round"',
    "reach": 'stroke="none" fill-opacity=".18"',
    **{name: f'fill="none" stroke="{_COLOURS[n]}" stroke-width="1.6"' for n, name in enumerate(_LINES)},
    **{name: f'fill="{_COLOURS[n]}" font-weight="600"' for n, name in enumerate(_FILLS)},
}


class _Pane(NamedTuple):
    """One pane: where it is, and its lines with their scales."""

    top: int
    height: int
    scales: list[tuple[str, AxisScale, list[int]]]

    def y(self, scale: AxisScale, value: float) -> float:
        """Pixels from the top of the drawing."""
        return self.top + self.height * (1 - scale.place(value))


def pane_heights(number: int) -> list[int]:
    """The height of each pane in pixels, from the top."""
    return {1: [_ONE], 2: [_FIRST, _SECOND]}.get(number, [_MORE] * number)


def figure_height(figure: Figure) -> int:
    """The height of the whole drawing in pixels."""
    heights = pane_heights(len(figure.panes))
    return TOP + sum(heights) + BETWEEN * (len(heights) - 1) + FOOT


def figure_svg(figure: Figure) -> SafeString:
    """The drawing for a page; its style sheet colours it."""
    inner = mark_safe("".join(_Pen(figure).parts()))  # noqa: S308 - each part is made by format_html
    return format_html(
        '<svg class="plot" height="{}" role="img" aria-label="{}">{}</svg>', figure_height(figure), figure.words, inner
    )


def figure_file(figure: Figure, title: str) -> str:
    """The drawing as a separate SVG document."""
    pen = _Pen(figure, is_file=True)
    height = figure_height(figure)
    inner = mark_safe("".join(pen.parts()))  # noqa: S308 - as above
    document = format_html(
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        'viewBox="0 0 {w} {h}" font-family="system-ui, sans-serif" font-size="11"><title>{title}</title>'
        '<desc>{words}</desc><rect width="{w}" height="{h}" fill="#fff"/><text x="16" y="24" font-size="16" '
        'font-weight="650" fill="{ink}">{title}</text><text x="16" y="{foot}" fill="{weak}">{level}</text>'
        '<svg x="16" y="36" width="{inner_w}" height="{inner_h}" overflow="visible">{inner}</svg></svg>\n',
        w=_FILE_WIDTH,
        h=height + 72,
        title=title,
        words=figure.words,
        ink=_INK,
        weak=_WEAK,
        foot=height + 60,
        level=figure.level,
        inner_w=_FILE_WIDTH - 32,
        inner_h=height,
        inner=inner,
    )
    return str(document)


def year_svg(figure: Figure) -> SafeString:
    """The year under a plot, with the shown period on it."""
    year = figure.year
    if year is None:
        return SafeString("")
    pen = _Pen(year)
    line = year.lines[0]
    ticks = [
        format_html('<text class="m" x="{}%" y="{}">{}</text>', pen.x(at), YEAR_HEIGHT + 13, words)
        for at, words in moment_ticks(year.start, year.end)
        if 3 < pen.x(at) < 97
    ]
    begin, end = max(pen.x(figure.start), 0.0), min(pen.x(figure.end), 100.0)
    return format_html(
        '<svg class="plot year" height="{}" aria-hidden="true" data-start="{}" data-end="{}">'
        '<rect class="bed" width="100%" height="{}"/>{}<rect class="win" x="{}%" width="{}%" height="{}"/>{}</svg>',
        YEAR_HEIGHT + 18,
        year.start.timestamp(),
        year.end.timestamp(),
        YEAR_HEIGHT,
        pen.stretched(2, YEAR_HEIGHT - 4, pen.curve(line, scale_of([line]), 1)),
        begin,
        max(round(end - begin, 2), 0.3),
        YEAR_HEIGHT,
        mark_safe("".join(ticks)),  # noqa: S308 - as above
    )


class _Pen:
    """Draws one figure."""

    def __init__(self, figure: Figure, *, is_file: bool = False) -> None:
        self._figure = figure
        self._is_file = is_file
        self._seconds = (figure.end - figure.start).total_seconds()
        self._panes: list[_Pane] = []
        top = TOP
        for units, height in zip(figure.panes, pane_heights(len(figure.panes)), strict=True):
            scales = [(unit, scale_of([figure.lines[n] for n in places]), places) for unit, places in units]
            self._panes.append(_Pane(top, height, scales))
            top += height + BETWEEN
        self._bottom = top - BETWEEN

    def x(self, at: datetime) -> float:
        """The place of a moment, in percent."""
        return round((at - self._figure.start).total_seconds() / self._seconds * 100, 2)

    def parts(self) -> Iterator[SafeString]:
        """All parts of the drawing, from back to front."""
        share = 100 if not self._panes else SHARE
        kind = mark_safe("" if self._is_file else ' class="stage"')  # noqa: S308 - constants
        yield format_html('<svg{} width="{}%" overflow="visible">', kind, share)
        yield self._shapes()
        yield from self._bands()
        yield from self._moments()
        for pane in self._panes:
            yield from self._pane(pane)
        yield from self._now()
        for pane in self._panes:
            yield from self._names(pane)
        yield SafeString("</svg>")

    def curve(self, line: Line, scale: AxisScale, colour: int, dash: str = "") -> SafeString:
        """The paths of one line: the reach of its means, the line, and readings without neighbours."""
        reach, path, alone, late = [], [], [], []
        for run in line.runs():
            path.append(self._run_path(run, scale, line.step))
            if len(run) == 1 and not line.step:
                alone.append(self._spot(run[0], scale))
            if any(dot.low is not None for dot in run):
                reach.append(self._reach_path(run, scale))
            late += [self._spot(dot, scale) for dot in run if dot.is_late]
        found = [
            self._path(f"{_FILLS[colour - 1]} reach", reach),
            self._path(f"{_LINES[colour - 1]}{dash}", path),
            self._path(f"{_LINES[colour - 1]} alone", alone),
            self._path(f"{_LINES[colour - 1]} came", late),
        ]
        return mark_safe("".join(found))  # noqa: S308 - as above

    def stretched(self, top: float, height: float, inner: SafeString) -> SafeString:
        """A box for paths that is as wide as the drawing."""
        return format_html(
            '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" y="{}" width="100%" height="{}">{}</svg>',
            _WIDTH,
            _HEIGHT,
            top,
            height,
            inner,
        )

    def _look(self, names: str) -> SafeString:
        if not self._is_file:
            return format_html(' class="{}"', names)
        # Attributes instead of styles: the site's content security policy allows no inline styles, not even in a file.
        looks: dict[str, str] = {}
        for name in names.split():
            for part in _LOOKS.get(name, "").split('" '):
                key, _mark, value = part.partition('="')
                looks |= {key: value.rstrip('"')} if value else {}
        return mark_safe("".join(f' {key}="{value}"' for key, value in looks.items()))  # noqa: S308 - constants

    def _shapes(self) -> SafeString:
        """Shapes that are used more than once."""
        name = self._figure.name
        hatch = format_html(
            '<pattern id="hatch-{}" width="5" height="5" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><path class="hatch" d="M0 0v5"/></pattern>',
            name,
        )
        triangle = format_html('<path id="sus-{}"{} d="M0-5 5 4h-10z"/>', name, self._look("sus"))
        return format_html("<defs>{}{}</defs>", "" if self._is_file else hatch, triangle)

    def _text(self, names: str, x: float, y: float, words: str, dx: int = 0) -> SafeString:
        look = self._look(names)
        if self._is_file and "fill" not in look:
            look = format_html('{} fill="{}"', look, _WEAK)
        return format_html('<text{} x="{}%" y="{}"{}>{}</text>', look, x, y, self._shift(dx), words)

    @staticmethod
    def _shift(dx: int) -> SafeString:
        return format_html(' dx="{}"', dx) if dx else SafeString("")

    def _path(self, names: str, parts: Sequence[str]) -> SafeString:
        if not parts:
            return SafeString("")
        effect = mark_safe(' vector-effect="non-scaling-stroke"' if self._is_file else "")  # noqa: S308 - constants
        return format_html('<path{}{} d="{}"/>', self._look(names), effect, "".join(parts))

    def _point(self, at: datetime, value: float, scale: AxisScale) -> tuple[float, float]:
        # Steps may begin before the period and end after it.
        share = min(max((at - self._figure.start).total_seconds() / self._seconds, 0.0), 1.0)
        return share * _WIDTH, (1 - scale.place(value)) * _HEIGHT

    def _run_path(self, run: Sequence[Dot], scale: AxisScale, step: timedelta | None) -> str:
        if not step:
            return _path_of([self._point(dot.at, dot.value, scale) for dot in run])
        points = [self._point(run[0].at, 0.0, scale)]
        for dot in run:
            points += [self._point(dot.at, dot.value, scale), self._point(dot.at + step, dot.value, scale)]
        return _path_of([*points, self._point(run[-1].at + step, 0.0, scale)])

    def _reach_path(self, run: Sequence[Dot], scale: AxisScale) -> str:
        there = [self._point(dot.at, dot.value if dot.high is None else dot.high, scale) for dot in run]
        back = [self._point(dot.at, dot.value if dot.low is None else dot.low, scale) for dot in reversed(run)]
        return _path_of([*there, *back]) + "z"

    def _spot(self, dot: Dot, scale: AxisScale) -> str:
        return _path_of([self._point(dot.at, dot.value, scale)]) + "h0"

    def _bands(self) -> Iterator[SafeString]:
        top, height = TOP, self._bottom - TOP
        for band in self._figure.bands:
            x, end = max(self.x(band.start), 0.0), min(self.x(band.end), 100.0)
            if band.kind == "deployment":
                if 0 <= self.x(band.start) <= 100:
                    yield self._deployment(band)
                continue
            if x >= end:
                continue
            width = max(round(end - x, 2), 0.15)
            if band.kind == "down" and not self._is_file:
                fill = format_html(' fill="url(#hatch-{})"', self._figure.name)
            else:
                fill = self._look({"night": "night", "incident": "inc", "down": "our"}[band.kind])
            above = ABOVE if band.kind == "incident" else 0
            shape = format_html(
                '<rect{} x="{}%" width="{}%" y="{}" height="{}">', fill, x, width, top - above, height + above
            )
            yield format_html("{}<title>{}</title></rect>", shape, band.words)
            if band.kind == "incident":
                bar = format_html('<rect{} x="{}%" width="{}%"', self._look("incl"), x, width)
                yield format_html('{} y="{}" height="4"/>', bar, top - above)

    def _deployment(self, band: Band) -> SafeString:
        x = self.x(band.start)
        line = format_html('<line{} x1="{}%" x2="{}%" y1="12" y2="{}"/>', self._look("dep"), x, x, self._bottom)
        end = x > 80
        return format_html("{}{}", line, self._text("e" if end else "", x, 17, _short(band.words), -5 if end else 5))

    def _moments(self) -> Iterator[SafeString]:
        for at, words in moment_ticks(self._figure.start, self._figure.end):
            x = self.x(at)
            look = self._look("grid")
            yield format_html('<line{} x1="{}%" x2="{}%" y1="{}" y2="{}"/>', look, x, x, TOP, self._bottom)
            # No label where "now" is written.
            if 3 < x < 97 and abs(x - self.x(self._figure.now)) > 4:
                yield self._text("m", x, self._bottom + 15, words)

    def _pane(self, pane: _Pane) -> Iterator[SafeString]:
        for side, (unit, scale, places) in enumerate(pane.scales):
            for tick in scale.ticks:
                y = round(pane.y(scale, tick), 1)
                words = tick_words(tick)
                if tick == scale.ticks[-1] and unit:
                    words += f"\u00a0{unit}"
                if not side:
                    yield format_html('<line{} x2="100%" y1="{}" y2="{}"/>', self._look("grid"), y, y)
                yield self._text("e" if side else "", 100.0 * side, y - 3, words, -3 if side else 3)
            for place in places:
                line, (colour, dash) = self._figure.lines[place], colour_of(place)
                if line.limit and scale.low <= line.limit[0] <= scale.high:
                    y = round(pane.y(scale, line.limit[0]), 1)
                    yield format_html('<line{} x2="100%" y1="{}" y2="{}"/>', self._look("limit"), y, y)
                    yield self._text("lim", 0.0, y - 3, line.limit[1], 40)
                yield self.stretched(pane.top, pane.height, self.curve(line, scale, colour, dash))
            for place in places:
                for dot in self._figure.lines[place].doubted:
                    yield self._triangle(dot, pane, scale)

    def _triangle(self, dot: Dot, pane: _Pane, scale: AxisScale) -> SafeString:
        y = round(pane.y(scale, dot.value), 1)
        return format_html('<use href="#sus-{}" x="{}%" y="{}"/>', self._figure.name, self.x(dot.at), y)

    def _now(self) -> Iterator[SafeString]:
        x = self.x(self._figure.now)
        if not 0 <= x <= 100 or not self._panes:
            return
        yield format_html('<line{} x1="{}%" x2="{}%" y1="18" y2="{}"/>', self._look("nowl"), x, x, self._bottom)
        yield self._text("e now" if x > 97 else "m now", x, self._bottom + 15, _("now"))

    def _names(self, pane: _Pane) -> Iterator[SafeString]:
        """The names of the lines with their last values at their ends, one below the other."""
        ends = [
            (pane.y(scale, last.value), place, _name_and_value(line.label, quantity_words(last.value, line.unit)))
            for _unit, scale, places in pane.scales
            for place in places
            if (last := (line := self._figure.lines[place]).last) is not None
        ]
        ends.sort()
        heights = [y for y, _place, _words in ends]
        # Push names down until none overlap, then up again from the bottom of the pane.
        for here, below in pairwise(range(len(heights))):
            heights[below] = max(heights[below], heights[here] + _NAME_GAP)
        limit = float(pane.top + pane.height)
        for place in reversed(range(len(heights))):
            heights[place] = min(heights[place], limit)
            limit = heights[place] - _NAME_GAP
        for y, (_y, place, words) in zip(heights, ends, strict=True):
            yield self._text(f"{_FILLS[colour_of(place)[0] - 1]} wide", 100.0, round(y + 4, 1), words, 7)


def _path_of(points: Sequence[tuple[float, float]]) -> str:
    """A path through points, as steps from each to the next in tenths: half as long as with absolute positions."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    parts = [f"M{_tenths(tenths[0][0])} {_tenths(tenths[0][1])}"]
    for number, ((x, y), (next_x, next_y)) in enumerate(pairwise(tenths)):
        parts.append(f"{' ' if number else 'l'}{_tenths(next_x - x)} {_tenths(next_y - y)}")
    return "".join(parts).replace(" -", "-")


def _tenths(number: int) -> str:
    text = f"{number / 10:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def colour_of(place: int) -> tuple[int, str]:
    """The colour of a line, and whether it is dashed, as a further class."""
    return place % COLOURS + 1, " dash" if place >= COLOURS else ""


def _name_and_value(name: str, value: str) -> str:
    return f"{_short(name, max(_NAME_AND_VALUE - len(value) - 1, 6))} {value}"


def _short(words: str, most: int = _NAME_CHARACTERS) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
