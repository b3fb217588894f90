"""GPS history on a station's page: a track, single fixes, and CSV; missing fixes are not drawn as points."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from people import station_of

from fleet.core import clock
from fleet.telemetry.models import Position, Suspicion
from fleet.telemetry.positions import TRACK_MAXIMUM, position_track

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def position_make(station, at, latitude=44.26, longitude=-64.25, **more) -> Position:
    return Position.objects.create(
        station=station,
        occurred_at=at,
        line=more.pop("line", 1),
        received_at=at,
        latitude=latitude,
        longitude=longitude,
        altitude_m=None if latitude is None else 22.4,
        **more,
    )


def track_of(page: str) -> list[list[float]]:
    found = re.search(r'data-track="([^"]*)"', page)
    return json.loads(found.group(1)) if found else []


def test_a_ship_that_moved_is_a_track_in_order(browse, viewer, station):
    moment = clock.now()
    for n in range(5):
        position_make(station, moment - timedelta(hours=10 - n), latitude=44.0 + n)
    page = browse(viewer).get(f"/stations/{station.serial}/positions/").content.decode()
    assert track_of(page) == [[44.0 + n, -64.25] for n in range(5)]
    assert page.index("48.00000") < page.index("44.00000"), "newest first in the table"


def test_a_try_without_a_fix_is_a_row_and_no_point(browse, viewer, station):
    moment = clock.now()
    position_make(station, moment - timedelta(minutes=2))
    position_make(station, moment - timedelta(minutes=1), None, None)
    page = browse(viewer).get(f"/stations/{station.serial}/positions/").content.decode()
    assert len(track_of(page)) == 1
    assert "no fix" in page


def test_a_fix_from_2000_is_on_no_track_of_that_year(station):
    moment = clock.now().replace(year=2000, month=1, day=1)
    position_make(station, moment, flags=int(Suspicion.EPOCH))
    assert position_track(station=station, start=moment - timedelta(days=1), end=moment + timedelta(days=1)) == []


def test_a_year_of_fixes_draws_at_most_the_maximum(station):
    end = clock.now()
    start = end - timedelta(hours=50)
    Position.objects.bulk_create(
        Position(station=station, occurred_at=start + timedelta(minutes=n), line=n, received_at=end,
                 latitude=1.0 + n / 1000, longitude=2.0)
        for n in range(3_000)
    )  # fmt: skip
    track = position_track(station=station, start=start, end=end)
    assert len(track) == TRACK_MAXIMUM
    assert track[0].latitude == 1.0
    assert [p.at for p in track] == sorted(p.at for p in track)


def test_older_pages_go_on_where_the_newer_ended(browse, viewer, station):
    moment = clock.now()
    for n in range(120):
        position_make(station, moment - timedelta(minutes=n), line=n, latitude=10 + n / 1000)
    client, address, seen = browse(viewer), f"/stations/{station.serial}/positions/", []
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r'data-label="Latitude">([\d.]+)<', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = (
            f"/stations/{station.serial}/positions/{following.group(1).replace('&amp;', '&')}" if following else ""
        )
    assert seen == [f"{10 + n / 1000:.5f}" for n in range(120)]


@pytest.mark.parametrize("mark", ["x", "2026-01-01,1,all", "2026-01-01T00:00:00Z,99999999999,all", ",,,", "%00,1,a"])
def test_a_mark_that_is_none_begins_at_the_beginning(browse, viewer, station, mark):
    position_make(station, clock.now() - timedelta(minutes=1))
    answer = browse(viewer).get(f"/stations/{station.serial}/positions/?after={mark}")
    assert answer.status_code == 200
    assert "44.26000" in answer.content.decode()


def test_the_csv_has_every_fix_of_the_span_with_its_doubts(browse, viewer, station):
    moment = clock.now()
    for n in range(2_100):
        position_make(station, moment - timedelta(seconds=30 * n), line=n, flags=4 if n == 0 else 0)
    answer = browse(viewer).get(f"/stations/{station.serial}/positions.csv?span=24h")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(rows) == 2_100
    assert rows[-1]["suspicions"] == "unsynchronised"
    assert [row["occurred_at"] for row in rows] == sorted(row["occurred_at"] for row in rows)


@pytest.mark.parametrize("address", ["positions/", "positions.csv"])
def test_a_stranger_is_told_that_there_is_no_such_station(browse, stranger, station, address):
    position_make(station, clock.now())
    assert browse(stranger).get(f"/stations/{station.serial}/{address}").status_code == 404
