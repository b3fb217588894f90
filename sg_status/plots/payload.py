"""Data for the script of a plot: the figures that the server drew, and words that a script cannot make."""

import math
from datetime import datetime
from typing import Any, Final

import msgspec
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from fleet.core.zones import viewer_zone_name
from sg_status.plots.figure import Dot, Figure, Line
from sg_status.plots.scales import scale_of
from sg_status.plots.svg import BETWEEN, FOOT, SHARE, TOP, colour_of, pane_heights

#: Values are rounded to this part of the scale's span: finer than any screen shows.
_FINER: Final = 1_000
_SIDES = ("left", "right")


def figure_json(figure: Figure) -> SafeString:
    """The figure as JSON for a data block in the page."""
    text = msgspec.json.encode(_content(figure)).decode()
    # The only sequences that end or change a data block begin with this character.
    return mark_safe(text.replace("<", "\\u003c"))  # noqa: S308 - the line above


def _content(figure: Figure) -> dict[str, Any]:
    return {
        "start": figure.start.timestamp(),
        "end": figure.end.timestamp(),
        "now": figure.now.timestamp(),
        "zone": viewer_zone_name(),
        "language": get_language() or "en",
        "top": TOP,
        "between": BETWEEN,
        "foot": FOOT,
        "share": SHARE,
        "panes": [
            {
                "height": height,
                "units": [
                    {"unit": unit, "side": side, "lines": places, "scale": _scale([figure.lines[n] for n in places])}
                    for side, (unit, places) in zip(_SIDES, units, strict=False)
                ],
            }
            for units, height in zip(figure.panes, pane_heights(len(figure.panes)), strict=True)
        ],
        "lines": _lines(figure),
        "bands": [
            {"kind": band.kind, "start": band.start.timestamp(), "end": band.end.timestamp(), "words": band.words}
            for band in figure.bands
        ],
        "words": {"now": _("now")},
    }


def _scale(lines: list[Line]) -> dict[str, Any]:
    scale = scale_of(lines)
    return {"low": scale.low, "high": scale.high, "zero": any(line.step for line in lines)}


def _lines(figure: Figure) -> list[dict[str, Any]]:
    """The lines as columns; a line with the same times as an earlier one has that line's index instead of times."""
    found = [_line(line, place, figure.start) for place, line in enumerate(figure.lines)]
    columns = [line["x"] for line in found]
    for place, column in enumerate(columns):
        same = columns.index(column)
        if same < place:
            found[place]["x"] = same
    return found


def _line(line: Line, place: int, start: datetime) -> dict[str, Any]:
    """A line as columns: times in seconds from `start`, with an empty value in each gap."""
    colour, dash = colour_of(place)
    scale = scale_of([line])
    digits = -math.floor(math.log10((scale.high - scale.low) / _FINER))
    columns: dict[str, list[float | None]] = {"x": [], "y": [], "low": [], "high": []}

    def add(at: datetime, early_s: float, *figures: float | None) -> None:
        columns["x"].append(round((at - start).total_seconds() - early_s, 3))
        for name, value in zip(("y", "low", "high"), figures, strict=True):
            columns[name].append(None if value is None else _rounded(value, digits))

    for run in line.runs():
        if columns["x"]:
            add(run[0].at, 0.001, None, None, None)
        for dot in run:
            add(dot.at, 0.0, dot.value, dot.low, dot.high)
            if line.step:
                add(dot.at + line.step, 0.002, dot.value, None, None)
    if not any(value is not None for value in columns["low"]):
        del columns["low"], columns["high"]
    return {
        "label": line.label,
        "unit": line.unit,
        "colour": colour,
        "dash": bool(dash),
        "step": line.step.total_seconds() if line.step else 0,
        "limit": line.limit,
        **columns,
        "late": [_spot(dot, start) for dot in line.joined if dot.is_late],
        "doubted": [_spot(dot, start) for dot in line.doubted],
    }


def _spot(dot: Dot, start: datetime) -> tuple[float, float]:
    return round((dot.at - start).total_seconds(), 3), dot.value


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) if digits > 0 else int(round(value, digits))
