"""Plots are honest: scales are round and linear, gaps stay open, doubted values are marked, and labels keep apart."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sg_status.plots.figure import Band, Dot, Figure, Line
from sg_status.plots.payload import figure_json
from sg_status.plots.scales import moment_ticks, scale_of, tick_words
from sg_status.plots.svg import figure_file, figure_svg

NOW = datetime(2026, 10, 14, 17, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVIL = "</script><b>\"'"


def line_of(*values, label="Battery", unit="V", first=NOW - 10 * HOUR, **fields) -> Line:
    """A line with a value an hour; None is an hour without one."""
    dots = [Dot(first + n * HOUR, value) for n, value in enumerate(values) if value is not None]
    return Line(label=label, unit=unit, dots=dots, gap_from=1.5 * HOUR, **fields)


def figure_of(*lines, **fields) -> Figure:
    return Figure(**{"name": "one", "lines": lines, "start": NOW - 10 * HOUR, "end": NOW, "now": NOW, **fields})


def paths_of(svg: str, kind: str) -> list[str]:
    return re.findall(rf'<path class="{kind}" d="([^"]*)"', svg)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((11.2, 13.7), ["11", "12", "13", "14"]),
        ((0.0, 1e9), ["0", "250\u00a0M", "500\u00a0M", "750\u00a0M", "1\u00a0G"]),
        ((-5.0, 3.0), ["\u22126", "\u22124", "\u22122", "0", "2", "4"]),
        ((12.3, 12.3), ["11", "12", "13", "14"]),
        ((0.0, 0.0), ["0", "0.5", "1", "1.5", "2"]),
    ],
)
def test_a_scale_is_of_round_numbers_around_all_values(values, ticks):
    scale = scale_of([line_of(*values)])
    assert [tick_words(tick) for tick in scale.ticks] == ticks
    assert scale.low <= min(values) <= max(values) <= scale.high


def test_twice_as_much_is_twice_as_high_and_sums_begin_at_zero():
    scale = scale_of([line_of(400.0, 800.0, step=HOUR)])
    assert scale.low == 0
    assert scale.place(800.0) == pytest.approx(2 * scale.place(400.0))


@pytest.mark.parametrize("values", [(1.7e308, -1.7e308), (5e-324, 0.0), (1e15, 1e15 + 0.125)])
def test_no_value_is_too_large_or_too_small_to_draw(values):
    figure = figure_of(line_of(*values))
    assert "nan" not in figure_svg(figure)
    json.loads(figure_json(figure))


@pytest.mark.parametrize("hours", [0.05, 1, 6, 24, 7 * 24, 30 * 24, 90 * 24, 365 * 24, 3_650 * 24])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
def test_moments_are_few_in_order_and_inside(hours, zone):
    start = NOW - timedelta(hours=hours)
    with timezone.override(zone):
        ticks = moment_ticks(start, NOW)
    moments = [at for at, _words in ticks]
    assert 2 <= len(ticks) <= 8
    assert moments == sorted(moments)
    assert start <= moments[0] <= moments[-1] <= NOW
    assert any(re.search("[A-Z]|20", words) for _at, words in ticks), "a day, a month or a year is named"


def test_midnight_stays_midnight_where_clocks_change():
    with timezone.override("Europe/Berlin"):
        ticks = moment_ticks(datetime(2026, 10, 23, 12, tzinfo=UTC), datetime(2026, 10, 27, 12, tzinfo=UTC))
    assert {f"{at:%H:%M}" for at, _words in ticks} <= {"00:00", "12:00"}


def test_a_gap_breaks_the_line_and_a_single_reading_is_a_dot():
    svg = figure_svg(figure_of(line_of(12.0, 12.1, None, None, 12.2, None, None, 12.3, 12.4)))
    (path,) = paths_of(svg, "l1")
    assert path.count("M") == 3
    assert [alone.count("h0") for alone in paths_of(svg, "l1 alone")] == [1]
    data = json.loads(figure_json(figure_of(line_of(12.0, None, None, 12.2))))
    assert data["lines"][0]["y"] == [12.0, None, 12.2]


def test_a_doubted_reading_is_a_triangle_and_no_part_of_the_line_and_a_late_one_is_pale():
    dots = [
        Dot(NOW - 3 * HOUR, 12.0),
        Dot(NOW - 2 * HOUR, 99.0, is_doubted=True),
        Dot(NOW - HOUR, 12.1, is_late=True),
    ]
    figure = figure_of(Line(label="Battery", unit="V", dots=dots, gap_from=4 * HOUR))
    svg = figure_svg(figure)
    assert svg.count('<use href="#sus-one"') == 1
    assert len(re.findall(r"-?[\d.]+", paths_of(svg, "l1")[0])) == 4, "two points: the doubted one is left out"
    assert len(paths_of(svg, "l1 came")) == 1
    line = json.loads(figure_json(figure))["lines"][0]
    assert (line["doubted"], line["late"]) == ([[8 * 3_600, 99.0]], [[9 * 3_600, 12.1]])
    assert 99.0 not in line["y"]


def test_means_have_their_reach_from_lowest_to_highest():
    dots = [Dot(NOW - 2 * HOUR, 12.0, 11.0, 13.0), Dot(NOW - HOUR, 12.0, 11.5, 12.5, is_doubted=True)]
    figure = figure_of(Line(label="Battery", unit="V", dots=dots, gap_from=2 * HOUR))
    assert len(paths_of(figure_svg(figure), "t1 reach")) == 1
    line = json.loads(figure_json(figure))["lines"][0]
    assert (line["low"], line["y"], line["high"]) == ([11.0, 11.5], [12.0, 12.0], [13.0, 12.5])


@pytest.mark.parametrize(
    ("units", "panes"),
    [
        ("V", [["V"]]),
        ("VV", [["V"]]),
        (["V", "Cel"], [["V", "Cel"]]),
        (["V", "V", "Cel", "Cel"], [["V"], ["Cel"]]),
        (["V", "Cel", "%", "V"], [["V", "Cel"], ["%"]]),
        ([str(n) for n in range(8)], [["0", "1"], ["2", "3"], ["4", "5"], ["6", "7"]]),
    ],
)
def test_at_most_two_units_share_a_pane(units, panes):
    figure = figure_of(*(line_of(1.0, 2.0, unit=unit) for unit in units))
    assert [[unit for unit, _places in pane] for pane in figure.panes] == panes
    drawn = json.loads(figure_json(figure))["panes"]
    assert [[unit["side"] for unit in pane["units"]] for pane in drawn] == [["left", "right"][: len(p)] for p in panes]


def test_names_at_the_ends_of_lines_do_not_cover_each_other():
    svg = figure_svg(figure_of(*(line_of(12.0 + n / 100, label=f"Line {n}") for n in range(8))))
    heights = sorted(float(y) for y in re.findall(r'<text class="t\d wide" x="100.0%" y="([\d.]+)"', svg))
    assert len(heights) == 8
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 12.9


def test_steps_last_as_long_as_they_say_and_stay_inside_the_axis():
    figure = figure_of(line_of(5.0, 3.0, first=NOW - 10.5 * HOUR, step=HOUR, unit=""))
    line = json.loads(figure_json(figure))["lines"][0]
    assert line["y"] == [5, 5, 3, 3]
    assert line["x"][1] - line["x"][0] == pytest.approx(3_600, abs=0.01)
    (path,) = paths_of(figure_svg(figure), "l1")
    assert path.startswith("M0 ")


def test_what_was_written_by_people_and_stations_is_text():
    bands = [Band("incident", NOW - 2 * HOUR, NOW, EVIL), Band("deployment", NOW - HOUR, NOW, EVIL)]
    figure = figure_of(line_of(1.0, 2.0, label=EVIL, unit=EVIL), bands=bands)
    for text in (figure_svg(figure), figure_file(figure, EVIL), figure_json(figure)):
        assert "</script>" not in text
        assert "<b>" not in text
    assert json.loads(figure_json(figure))["lines"][0]["label"] == EVIL


def test_the_file_stands_alone():
    bands = [
        Band("night", NOW - 9 * HOUR, NOW - 8 * HOUR, "night"),
        Band("down", NOW - 5 * HOUR, NOW - 4 * HOUR, "Roost was down for 1 h"),
        Band("deployment", NOW - HOUR, NOW, "deployed at Breakwater"),
    ]
    lines = [line_of(*range(9), unit="V", label="Battery", limit=(2.0, "low: 2 V")), line_of(*range(9), unit="W")]
    text = figure_file(figure_of(*lines, bands=bands, level="Every reading is drawn."), "Old Cut")
    root = ET.fromstring(text)  # noqa: S314 - written by the line above
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for element in root.iter():
        assert not {"class", "style"} & set(element.attrib), "nothing but attributes: the site allows no inline style"
        assert element.get("href", "#").startswith("#")
    for words in ("Old Cut", "Every reading is drawn.", "Battery", "low: 2 V", "deployed at Breakwater"):
        assert words in text


def test_its_sentence_says_the_range_the_last_value_and_what_is_missing():
    figure = figure_of(line_of(12.0, 11.0, None, None, None, 12.5), line_of(label="Solar panel"))
    assert figure.words == (
        "Battery: from 11\u00a0V to 12.5\u00a0V, last 12.5\u00a0V, no data for 9 h. Solar panel: no data in this period."
    )
