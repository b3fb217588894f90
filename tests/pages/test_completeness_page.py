"""The completeness report: counted by message numbers, for one's own stations only, and safe in a spreadsheet."""

import csv
import io

import pytest
from pages.busy_stations import EVIL
from people import station_of
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from fleet.core import clock
from fleet.stations.models import Station
from fleet.telemetry.completeness import CompletenessReport
from fleet.telemetry.models import StreamLedger, UnsequencedCount

pytestmark = pytest.mark.django_db


def stream(station, name="a", received=((1, 11),), **fields):
    moment = clock.now()
    ranges = Multirange([Range(*pair) for pair in received])
    return StreamLedger.objects.create(
        station=station, stream=name, received=ranges, first_at=moment, last_at=moment, **fields
    )


@pytest.fixture
def holed(institute):
    """Of 20 numbers in two streams, 12 have arrived, 5 are on the station, 3 are lost; 2 messages had no number, 1
    branch is open.
    """
    station = station_of(institute, state="on_time", name="Holed")
    stream(station, received=((1, 3), (6, 9)), oldest_seq=5, next_seq=13)
    stream(station, "b", received=((1, 8),), oldest_seq=9, next_seq=9)
    stream(station, "a~cc", received=((100, 200),), branch="held")
    UnsequencedCount.objects.create(station=station, messages=2, last_at=clock.now())
    return station


def rows_of(answer) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_figures_of_a_station(viewer, holed):
    (row,) = CompletenessReport(viewer=viewer).part(offset=0, limit=10)
    assert (row.received, row.on_station, row.lost, row.expected) == (12, 5, 3, 20)
    assert (row.percent, row.unsequenced, row.streams, row.branches_open) == (60.0, 2, 2, 1)


def test_only_what_is_complete_is_a_hundred(viewer, institute):
    stream(station_of(institute), received=((1, 1_000_000),), oldest_seq=1_000_000, next_seq=1_000_001)
    (row,) = CompletenessReport(viewer=viewer).part(offset=0, limit=10)
    assert row.percent == 99.99


def test_the_page_tells_the_whole_and_begins_with_the_least_complete(browse, viewer, institute, holed):
    stream(station_of(institute, name="Whole"), oldest_seq=11, next_seq=11)
    station_of(institute, name="Mute")
    page = browse(viewer).get("/completeness/").content.decode()
    assert "73.33\u00a0% of all numbered messages have arrived: 22." in page
    assert "One station of 3 is complete." in page
    assert page.index("Holed") < page.index("Whole") < page.index("Mute")
    turned = browse(viewer).get("/completeness/?sort=-complete").content.decode()
    assert turned.index("Whole") < turned.index("Holed") < turned.index("Mute")
    found = browse(viewer).get("/completeness/?q=hOLed").content.decode()
    assert "Holed" in found
    assert "Whole" not in found


def test_strange_addresses_are_answered(browse, viewer, holed):
    for query in ("sort=x", "sort=--lost", "page=x", "page=99", "q=%00", "q=%25", "sort=-last_contact"):
        assert browse(viewer).get(f"/completeness/?{query}").status_code == 200


def test_more_stations_and_streams_cost_as_many_queries(browse, viewer, institute, holed, queries_of):
    client = browse(viewer)
    few = queries_of(client, "/completeness/")
    for number in range(60):
        station = station_of(institute)
        for each in range(number % 3):
            stream(station, f"s{each}")
    assert queries_of(client, "/completeness/") == few
    page = client.get("/completeness/?page=2").content.decode()
    assert "Page 2 of 2" in page
    assert len(page.encode()) < 50_000


def test_the_download_has_every_station_once(browse, viewer, institute, holed):
    serials = {holed.serial, *(station_of(institute).serial for _ in range(5))}
    answer = browse(viewer).get("/completeness.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="completeness.csv"'
    head, *rows = rows_of(answer)
    assert sorted(row[0] for row in rows) == sorted(serials)
    told = dict(zip(head, next(row for row in rows if row[0] == holed.serial), strict=True))
    assert (told["expected"], told["received"], told["percent"], told["on_station"], told["lost"]) == (
        *("20", "12", "60.0"),
        *("5", "3"),
    )


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_spreadsheet_takes_a_name_for_a_formula(browse, viewer, holed, name):
    Station.objects.filter(pk=holed.pk).update(name=name)
    _head, row = rows_of(browse(viewer).get("/completeness.csv"))
    assert row[1] == f"'{name}"


def test_nobody_sees_another_s_stations(browse, stranger, holed):
    client = browse(stranger)
    assert "No station has sent" in client.get("/completeness/").content.decode()
    assert holed.serial not in client.get("/completeness/?q=Holed").content.decode()
    assert len(rows_of(client.get("/completeness.csv"))) == 1


def test_without_a_login_there_is_nothing(client, holed):
    for address in ("/completeness/", "/completeness.csv"):
        assert client.get(address).status_code == 302


def test_names_are_not_run_by_the_browser(browse, viewer, holed):
    Station.objects.filter(pk=holed.pk).update(name=EVIL)
    assert EVIL not in browse(viewer).get("/completeness/").content.decode()
