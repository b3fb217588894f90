"""The data page: several series and stations in one plot, bounded, with the same figures in plot, tables and files."""

import csv
import html
import io
import json
import re
from datetime import timedelta

import pytest
from people import station_of
from psycopg.types.range import Range

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.core.models import Outage
from fleet.deployments.models import Deployment, Site
from fleet.telemetry.models import Reading, Series

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def series_of(station, name, unit, values, *, every=HOUR, until=None, **fields) -> Series:
    """A series with these values, the newest first, at equal intervals."""
    until = until or clock.now()
    made = Series.objects.create(
        station=station, name=name, unit=unit, created_at=until - timedelta(days=400), last_at=until,
        last_value=values[0], last_received_at=until,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(
            series=made, occurred_at=until - n * every, received_at=until - n * every, value=value, **fields
        )
        for n, value in enumerate(values)
    )  # fmt: skip
    return made


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Breakwater")


@pytest.fixture
def powered(station):
    """A station with a battery, a panel and a sensor of its own."""
    series_of(station, "health/battery_v", "V", [12.5, 12.6, 12.7])
    series_of(station, "health/solar_v", "V", [0.1, 4.0, 19.0])
    series_of(station, "lake/depth", "m", [2.0, 2.1, 2.2])
    return station


@pytest.fixture
def ask(browse, viewer):
    client = browse(viewer)
    return lambda station, query="", file="data/": client.get(f"/stations/{station.serial}/{file}?{query}")


def page_of(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def data_of(page: str) -> dict:
    """The data that the plot's script gets."""
    return json.loads(re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[0])


def labels_of(page: str) -> list[str]:
    return [line["label"] for line in data_of(page)["lines"]]


def rows_of(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_without_a_choice_it_shows_what_is_usual_by_the_names_of_people(ask, powered):
    page = page_of(ask(powered))
    assert labels_of(page) == ["Battery", "Solar panel"]
    assert "lake/depth" in page, "the other series is offered, by its own name"
    assert "health/battery_v</" not in page


def test_several_series_and_stations_are_in_one_plot(ask, powered, institute):
    other = station_of(institute, state="on_time", name="Old Cut")
    series_of(other, "health/battery_v", "V", [13.1, 13.2])
    page = page_of(ask(powered, f"series=health/battery_v&series=lake/depth&with={other.serial.lower()}"))
    assert labels_of(page) == ["Battery, Breakwater", "lake/depth, Breakwater", "Battery, Old Cut"]
    assert [unit["unit"] for pane in data_of(page)["panes"] for unit in pane["units"]] == ["V", "m"]
    assert f"Old Cut ({other.serial}) has no series lake/depth." in page
    assert labels_of(page_of(ask(powered, "series=health/battery_v&with=old cut")))[1] == "Battery, Old Cut"


def test_stations_of_others_do_not_exist_here(ask, powered, elsewhere, institute):
    foreign = station_of(elsewhere, state="on_time", name="Secret Bay")
    series_of(foreign, "health/battery_v", "V", [11.11, 11.12])
    for word in (foreign.serial, "Secret Bay"):
        page = page_of(ask(powered, f"series=health/battery_v&with={word}"))
        assert labels_of(page) == ["Battery"]
        assert f"There is no other station {word} in this organization." in page
        assert "11.11" not in page
        file = ask(powered, f"series=health/battery_v&with={word}", "data.csv")
        assert {row["station"] for row in rows_of(file)} == {powered.serial}


def test_a_plot_has_at_most_eight_lines_and_says_what_it_left_out(ask, station):
    for number in range(11):
        series_of(station, f"probe/{number}", "Cel", [float(number), 1.0])
    query = "&".join(f"series=probe/{number}" for number in range(11))
    page = page_of(ask(station, query))
    assert len(labels_of(page)) == 8
    assert "A plot has at most 8 lines; 3 more are left out." in page
    assert len({row["series"] for row in rows_of(ask(station, query, "data.csv"))}) == 8


def test_the_axis_is_exactly_the_period_in_the_address_also_where_nothing_is(ask, powered):
    end = clock.now() - timedelta(days=90)
    start = end - timedelta(hours=5)
    query = f"series=lake/depth&start={start:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
    page = page_of(ask(powered, query))
    data = data_of(page)
    assert (data["start"], data["end"]) == (int(start.timestamp()), int(end.timestamp()))
    assert data["lines"][0]["y"] == []
    assert "No readings of this series received for this period." in page
    assert "lake/depth: no data in this period." in page


def test_without_a_choice_the_axis_runs_to_now_and_never_to_the_last_reading(ask, station):
    series_of(station, "temperature", "Cel", [12.0], until=clock.now() - 10 * HOUR)
    data = data_of(page_of(ask(station, "span=24h")))
    assert data["start"] == pytest.approx(clock.now().timestamp() - 86_400, abs=60)
    assert data["end"] >= data["now"]


def test_a_day_in_a_form_includes_that_day(ask, powered):
    data = data_of(page_of(ask(powered, "start=2026-03-01&end=2026-03-02")))
    assert data["end"] - data["start"] == 2 * 86_400


def test_links_and_the_reset_keep_everything_else_of_the_address(ask, powered):
    page = page_of(ask(powered, "span=7d&series=lake/depth&start=2026-03-01&end=2026-03-02&page=3"))
    whole = html.unescape(re.findall(r'data-zoom="whole"\s+href="([^"]*)"', page)[0])
    assert whole == "?span=7d&series=lake%2Fdepth"
    closer = html.unescape(re.findall(r'data-zoom="closer"\s+href="([^"]*)"', page)[0])
    data = data_of(page_of(ask(powered, closer.removeprefix("?"))))
    assert data["end"] - data["start"] == 86_400


def test_the_figures_are_the_same_in_plot_table_and_file(ask, station):
    values = [round(10 + n * 0.37 % 5, 2) for n in range(900)]
    series_of(station, "temperature", "Cel", values, every=timedelta(minutes=1))
    page = page_of(ask(station, "span=24h"))
    line = data_of(page)["lines"][0]
    drawn = [value for value in line["y"] if value is not None]
    rows = rows_of(ask(station, "span=24h&as=drawn", "data.csv"))
    assert [float(row["mean"]) for row in rows] == pytest.approx(drawn, abs=0.01)
    assert [float(row["lowest"]) for row in rows] == pytest.approx([v for v in line["low"] if v is not None], abs=0.01)
    assert sum(int(row["readings"]) for row in rows) == 900
    table = page.partition('id="readings-table"')[2]
    shown = [float(number) for number in re.findall(r'<td class="n">\s*(-?[\d.]+)\s*<small', table)]
    assert shown == pytest.approx(drawn[::-1][: len(shown)], abs=0.01)
    assert len(shown) == 100
    assert "Page 1 of 2" in page
    second = page_of(ask(station, "span=24h&page=2")).partition('id="readings-table"')[2]
    assert len(re.findall(r'<td class="n">\s*-?[\d.]+\s*<small', second)) == len(drawn) - 100


def test_the_files_are_of_exactly_the_period_that_is_shown(ask, powered):
    page = page_of(ask(powered, "series=lake/depth&series=health/battery_v"))
    links = [html.unescape(link) for link in re.findall(r'href="(/stations/[^"]*data\.(?:csv|svg)[^"]*)"', page)]
    assert len(links) == 2
    data = data_of(page)
    # The script writes moments without a zone's offset, to the microsecond.
    for link in links:
        query = link.partition("?")[2]
        asked = data_of(page_of(ask(powered, query)))
        assert (asked["start"], asked["end"]) == (data["start"], data["end"])
    rows = rows_of(ask(powered, links[1].partition("?")[2], "data.csv"))
    assert {(row["series"], row["unit"]) for row in rows} == {("lake/depth", "m"), ("health/battery_v", "V")}
    drawing = ask(powered, links[0].partition("?")[2], "data.svg")
    assert drawing["Content-Type"].startswith("image/svg+xml")
    assert drawing["Content-Disposition"].startswith("attachment")
    assert "lake/depth: from 2\u00a0m to 2.2\u00a0m, last 2\u00a0m" in drawing.content.decode()


def test_behind_the_lines_is_what_happened(ask, powered, institute):
    moment = clock.now()
    site = Site.objects.create(organization=institute, name="South shore", latitude=42.56, longitude=-80.19)
    Deployment.objects.create(station=powered, site=site, period=Range(moment - 20 * HOUR, None))
    Outage.objects.create(name="ingest", started_at=moment - 5 * HOUR, ended_at=moment - 4 * HOUR)
    for rule, begun, ended in (("silence", 9, 7), ("silence", 400, 390)):
        Incident.objects.create(
            organization=institute, station=powered, rule=rule, sentence="As it was.",
            began_at=moment - begun * HOUR, opened_at=moment - begun * HOUR, closed_at=moment - ended * HOUR,
        )  # fmt: skip
    page = page_of(ask(powered, "span=24h"))
    bands = [(band["kind"], band["words"]) for band in data_of(page)["bands"]]
    assert ("incident", "silent for 2 h") in bands
    assert ("down", "Roost was down for 1 h") in bands
    assert ("deployment", "deployed at South shore") in bands
    assert 1 <= [kind for kind, _words in bands].count("night") <= 3
    assert [kind for kind, _words in bands].count("incident") == 1
    for words in ("incident", "Roost was down", "new deployment", "night"):
        assert re.search(rf"</svg>{words}</li>", page), words
    month = [band["kind"] for band in data_of(page_of(ask(powered, "span=30d")))["bands"]]
    assert "night" not in month, "a month of nights would be grey"
    assert month.count("incident") == 2


def test_the_legend_says_range_last_value_and_what_looks_wrong(ask, station):
    series = series_of(station, "health/battery_v", "V", [12.0, 12.5, 11.5, 12.0], every=HOUR)
    Reading.objects.filter(series=series, value=11.5).update(value=99.0, flags=32)
    page = page_of(ask(station, "span=24h"))
    (row,) = re.findall(r"<tr>\s*<td>\s*<label.*?</tr>", page, re.DOTALL)
    words = " ".join(html.unescape(re.sub("<[^>]*>", " ", row)).split())
    assert words.startswith("Battery 12 V")
    assert "12 12.17 12.5" in words, "lowest, mean and highest leave out values beyond the limits"
    assert "1 doubtful" in words


def test_a_year_costs_as_many_queries_as_a_day(ask, powered, browse, viewer, queries_of):
    client = browse(viewer)
    base = f"/stations/{powered.serial}/data/?series=health/battery_v&series=health/solar_v&series=lake/depth"
    few = queries_of(client, f"{base}&span=24h")
    Reading.objects.bulk_create(
        Reading(
            series_id=series, occurred_at=clock.now() - n * HOUR - timedelta(minutes=7), received_at=clock.now(), value=1.0
        )
        for series in Series.objects.filter(station=powered).values_list("id", flat=True)
        for n in range(24 * 60)
    )  # fmt: skip
    # For each line, one query more, because its readings are combined, and one fewer, because their rhythm is known.
    # Two for each of four looks at what is cold, before and after: at each line, and at whether there is a hint.
    assert queries_of(client, f"{base}&span=365d") <= few + 3 + 2 * 4


def test_a_stranger_gets_no_drawing(browse, stranger, powered):
    assert browse(stranger).get(f"/stations/{powered.serial}/data.svg").status_code == 404


def test_a_station_without_readings_has_no_file_and_a_sentence(ask, station):
    assert ask(station, "", "data.svg").status_code == 404
    assert ask(station, "", "data.csv").status_code == 404
    assert "This station has sent no readings yet." in page_of(ask(station))
