"""GPS history on a station's page: a track, single fixes, and CSV; missing fixes are not drawn as points."""

import csv
import io
import json
import re
from datetime import timedelta
from html import unescape

import pytest
from people import SERVER, station_of

from fleet.core import clock
from fleet.core.earth import distance_words
from fleet.deployments.services import deployment_begin
from fleet.deployments.sites import site_create
from fleet.telemetry.condition.displacement import displacement_of
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


def map_of(page: str) -> dict:
    """The data that the map's script gets."""
    (found,) = re.findall(r'data-map="([^"]*)"', page)
    return json.loads(unescape(found))


def track_of(page: str) -> list[list[float]]:
    return [[latitude, longitude] for latitude, longitude, _words in map_of(page)["track"]]


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
def test_an_invalid_page_mark_begins_at_the_beginning(browse, viewer, station, mark):
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


def deploy(station, **where):
    site = site_create(organization=station.organization, actor=SERVER, name="Long Point", **where)
    return deployment_begin(station=station, site=site, actor=SERVER, at=clock.now() - timedelta(days=5))


def test_a_gps_far_from_the_site_is_said_with_both_places(browse, viewer, station):
    deploy(station, latitude=42.58, longitude=-80.39)
    position_make(station, clock.now() - timedelta(hours=2), latitude=44.26, longitude=-64.25)
    page = browse(viewer).get(f"/stations/{station.serial}/positions/").content.decode()
    assert "GPS 1\u202f300\u00a0km from its site" in page
    assert "Its GPS puts it 1\u202f300\u00a0km from Long Point, at 44.2600, -64.2500." in page
    assert map_of(page)["apart"] == [[42.58, -80.39], [44.26, -64.25]]
    assert 'class="apart"' in page


def test_a_gps_at_the_site_contradicts_nothing(browse, viewer, station):
    deploy(station, latitude=44.25, longitude=-64.25)
    position_make(station, clock.now() - timedelta(hours=2), latitude=44.26, longitude=-64.25)
    page = browse(viewer).get(f"/stations/{station.serial}/positions/").content.decode()
    assert "from its site" not in page
    assert map_of(page)["apart"] == []


@pytest.mark.parametrize("where", [{}, None])
def test_without_a_place_nothing_is_contradicted(station, where):
    if where is not None:
        deploy(station, **where)
    position_make(station, clock.now() - timedelta(hours=2))
    assert displacement_of(station_id=station.pk, moment=clock.now()) is None


def test_the_newest_position_counts_and_no_time_that_nobody_believes(station):
    deploy(station, latitude=44.26, longitude=-64.25)
    moment = clock.now()
    position_make(station, moment - timedelta(days=9), latitude=10.0, longitude=10.0)
    position_make(station, moment - timedelta(hours=2))
    position_make(station, moment - timedelta(hours=1), latitude=None)
    position_make(station, moment + timedelta(days=900), latitude=20.0, longitude=20.0, flags=int(Suspicion.FUTURE))
    assert displacement_of(station_id=station.pk, moment=moment) is None
    position_make(station, moment - timedelta(minutes=1), latitude=44.36)
    found = displacement_of(station_id=station.pk, moment=moment)
    assert found is not None
    assert found.metres == pytest.approx(11_120, rel=0.01)


@pytest.mark.parametrize(
    ("metres", "words"),
    [(3.0, "0 m"), (846.0, "850 m"), (5_240.0, "5.2 km"), (84_600.0, "85 km"), (1_634_000.0, "1\u202f600 km")],
)
def test_distances_are_as_people_say_them(metres, words):
    assert distance_words(metres).replace("\u00a0", " ") == words
