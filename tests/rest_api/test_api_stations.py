"""The list of stations and one station, as programs see them."""

import pytest
from api_asking import NOON, problem_of
from django.db import connection
from django.test.utils import CaptureQueriesContext
from people import station_of

from fleet.stations.models import StationContact
from fleet.telemetry.models import Position

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counters")]


def test_the_list_has_those_in_need_first_with_their_sentence(institute, station, reader):
    silent = station_of(institute, state="silent")
    body = reader.get("stations").json()
    assert body["next"] is None
    assert [row["serial"] for row in body["results"]] == [silent.serial, station.serial]
    row = body["results"][0]
    assert (row["state"], row["organization"], row["expected_every_s"]) == ("silent", "institute", 3600.0)
    assert row["sentence"].startswith("Silent since ")
    assert row["last_contact_at"].endswith("Z")


def test_filters_search_and_order(institute, station, reader):
    others = [station_of(institute, state="late", name=f"Beach {n}") for n in range(3)]
    found = reader.get("stations", state="late", sort="-name").json()["results"]
    assert [row["serial"] for row in found] == [s.serial for s in reversed(others)]
    assert len(reader.get("stations", search="old cut").json()["results"]) == 1
    assert reader.get("stations", organization="elsewhere").json()["results"] == []


@pytest.mark.parametrize(
    "sort", ["serial", "-serial", "state,name", "-name", "last_contact_at", "-backlog_messages", "-site,name"]
)
def test_pages_follow_each_other_without_a_gap_or_a_repeat(institute, reader, sort):
    made = [
        station_of(institute, state=state, name=name)
        for state, name in [("silent", "B"), ("late", "A"), ("late", ""), ("never_seen", "A"), ("on_time", "C")]
    ]
    StationContact.objects.filter(station=made[0]).update(backlog_messages=7)
    whole = [row["serial"] for row in reader.get("stations", sort=sort).json()["results"]]
    assert sorted(whole) == sorted(station.serial for station in made)
    page, seen = reader.get("stations", limit=2, sort=sort).json(), []
    while True:
        seen += [row["serial"] for row in page["results"]]
        if page["next"] is None:
            break
        page = reader.client.get(page["next"]).json()
    assert seen == whole


def test_what_comes_and_goes_meanwhile_moves_no_other_row(institute, reader):
    made = sorted([station_of(institute, name=f"S{n}") for n in range(6)], key=lambda station: station.serial)
    first = reader.get("stations", limit=3, sort="serial").json()
    made[0].delete()
    following = reader.client.get(first["next"]).json()
    assert [row["serial"] for row in following["results"]] == [station.serial for station in made[3:]]


def test_there_is_an_upper_bound_to_a_page(institute, reader):
    station_of(institute)
    assert len(reader.get("stations", limit=1_000_000_000).json()["results"]) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "dead"}, "state"),
        ({"sort": "password"}, "sort"),
        ({"sort": "name,"}, "sort"),
        ({"cursor": "none"}, "cursor"),
        ({"cursor": "WzFd"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"group": "x"}, "group"),
        ({"organization": "a b"}, "organization"),
        ({"search": "x" * 200}, "search"),
        ({"search": "a\x00"}, "search"),
        ({"stat": "late"}, "stat"),
    ],
)
def test_a_wrong_parameter_is_named(reader, query, field):
    problem_of(reader.get("stations", **query), 400, field)


def test_the_list_costs_the_same_however_long_it_is(institute, reader):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert reader.get("stations", limit=500).status_code == 200
        return len(captured)

    for _ in range(5):
        station_of(institute, state="on_time")
    queries()
    few = queries()
    for _ in range(45):
        station_of(institute, state="silent")
    assert queries() == few


def test_one_station_has_its_last_words_and_place(station, reader):
    StationContact.objects.filter(station=station).update(
        health={"battery_v": 12.4, "disk_percent": 31.0}, hello={"agent": "1"}, backlog_messages=3, clock_offset_s=-0.4
    )
    fixes = [(NOON, 42.58, -80.39, 0), (NOON.replace(year=2030), 1.0, 1.0, 2), (NOON.replace(hour=13), None, None, 0)]
    for line, (moment, latitude, longitude, flags) in enumerate(fixes):
        Position.objects.create(
            station=station,
            occurred_at=moment,
            line=line,
            received_at=NOON,
            latitude=latitude,
            longitude=longitude,
            flags=flags,
        )
    body = reader.get(f"stations/{station.serial}").json()
    assert body["health"] == {"battery_v": 12.4, "disk_percent": 31.0}
    assert body["position"] == {
        "occurred_at": "2026-11-20T12:00:00Z",
        "latitude": 42.58,
        "longitude": -80.39,
        "altitude_m": None,
    }
    assert (body["backlog_messages"], body["clock_offset_s"], body["state"]) == (3, -0.4, "on_time")


def test_sentences_stay_english_whatever_the_browser_speaks(station, reader):
    response = reader.client.get(f"/api/v1/stations/{station.serial}", headers={"Accept-Language": "de"})
    assert response.json()["sentence"].startswith("On time: last contact ")
