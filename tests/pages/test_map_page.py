"""The map of all stations: pins by state, filters in the address, every place in words, and tiles of an operator's own."""

import json
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from people import SERVER, station_of

from fleet.core import clock
from fleet.deployments.services import deployment_begin, deployment_update
from fleet.deployments.sites import site_create
from fleet.telemetry.models import Position
from web import security

pytestmark = pytest.mark.django_db


def body(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def site(institute):
    return site_create(organization=institute, actor=SERVER, name="Long Point", latitude=42.58, longitude=-80.39)


def placed(institute, site, *, state="on_time", **fields):
    station = station_of(institute, state=state, **fields)
    made = deployment_begin(station=station, site=site, actor=SERVER, at=clock.now() - timedelta(days=5))
    return station, made


def fixed(station, latitude, longitude, **more):
    at = clock.now() - timedelta(hours=1)
    Position.objects.create(
        station=station, occurred_at=at, received_at=at, line=1, latitude=latitude, longitude=longitude, **more
    )


def test_every_station_is_a_pin_and_a_row_the_worst_first(browse, viewer, institute, site):
    placed(institute, site, state="silent", name="Breakwater")
    _station, made = placed(institute, site, name="Tip")
    deployment_update(deployment=made, actor=SERVER, latitude=42.9, longitude=-79.5)
    page = body(browse(viewer).get("/map/"))
    assert "1 of 2 stations needs attention" in page
    assert 'class="pin silent"' in page
    assert 'class="pin ok"' in page
    rows = page[page.index("Every station and its place") :]
    assert rows.index("Breakwater") < rows.index("Tip")
    assert "42.5800, \u221280.3900" in rows
    assert "42.9000, \u221279.5000" in rows, "the deployment's own position"


def test_pins_of_a_view_as_data(browse, viewer, institute, site):
    station, _made = placed(institute, site, state="silent", name="Breakwater")
    placed(institute, site, name="Tip")
    client = browse(viewer)
    (pill,) = client.get("/map/pins.json?at=42.6,-80.4,9&width=800&height=500").json()["pins"]
    assert [(group["kind"], group["count"]) for group in pill["groups"]] == [("silent", 1), ("ok", 1)]
    assert pill["words"] == "1 silent, 1 on time"
    assert pill["pins"][0] == {
        "name": "Breakwater",
        "kind": "silent",
        "shape": "silent",
        "address": f"/stations/{station.serial}/",
        "note": "silent",
    }
    assert client.get("/map/pins.json?at=-42,80,9").json() == {"pins": []}
    assert client.get("/map/pins.json?state=late").json() == {"pins": []}


def test_filters_are_in_the_address_and_go_on_to_the_data(browse, viewer, institute, site):
    placed(institute, site, state="silent", name="Breakwater")
    placed(institute, site, name="Tip")
    page = body(browse(viewer).get("/map/?state=silent&q=Break&at=42.6,-80.4,9"))
    assert "Tip" not in page
    told = json.loads(unescape(page.split('data-map="')[1].split('"')[0]))
    assert told["pins"] == "/map/pins.json?state=silent&q=Break"
    assert (told["at"], told["zoom"]) == ([42.6, -80.4], 9.0)
    assert 'href="/map/?state=silent&amp;q=Break&amp;at=42.6000,-80.4000,10"' in page, "nearer without scripts"


def test_without_a_place_the_gps_says_where_and_without_both_the_page_says_so(browse, viewer, institute):
    fixed(station_of(institute, state="on_time", name="Ship"), 54.18, 7.89)
    station_of(institute, state="on_time", name="Box")
    page = body(browse(viewer).get("/map/"))
    assert "54.1800, 7.8900" in page
    assert "by its GPS" in page
    assert "One station has no position and is in the list only" in page
    assert ">Box<" in page


def test_a_station_far_from_its_site_has_a_mark(browse, viewer, institute, site):
    station, _made = placed(institute, site, name="Tip")
    fixed(station, 54.18, 7.89)
    page = body(browse(viewer).get("/map/"))
    assert "GPS 6\u202f200\u00a0km from its site" in page


def test_others_see_nothing_of_it(browse, stranger, institute, site):
    placed(institute, site, name="Tip")
    page = body(browse(stranger).get("/map/"))
    assert "Tip" not in page
    assert "42.58" not in page
    assert browse(stranger).get("/map/pins.json").json() == {"pins": []}
    assert Client().get("/map/").status_code == 302
    assert Client().get("/map/pins.json").status_code == 302


def test_many_stations_cost_no_more_queries(browse, viewer, institute, site, django_assert_max_num_queries):
    client = browse(viewer)
    for number in (3, 30):
        for _ in range(number):
            fixed(placed(institute, site, state="silent")[0], 54.0, 8.0)
        with django_assert_max_num_queries(27):
            client.get("/map/")
        with django_assert_max_num_queries(8):
            client.get("/map/pins.json?at=42,-80,5")


@pytest.fixture
def tiles(tmp_path, settings):
    file = tmp_path / "region.pmtiles"
    file.write_bytes(bytes(range(256)) * 20_000)
    settings.ROOST_TILES_FILE = str(file)
    security._tiles_origin.cache_clear()
    yield file
    security._tiles_origin.cache_clear()


def piece(said: str):
    return Client().get("/map/tiles.pmtiles", headers={"Range": said})


def test_a_file_of_tiles_is_served_in_pieces(tiles):
    answer = piece("bytes=256-511")
    assert answer.status_code == 206
    assert answer.content == bytes(range(256))
    assert answer["Content-Range"] == "bytes 256-511/5120000"
    assert piece("bytes=5119999-").content == b"\xff"
    assert len(piece("bytes=0-").content) == 4 * 1024 * 1024, "never the whole file"
    assert piece("bytes=5119990-9999999").content == bytes(range(246, 256))


@pytest.mark.parametrize("said", ["", "bytes=5120000-", "bytes=9-3", "bytes=-5", "bytes=0-1,4-5", "lines=1-2"])
def test_other_ranges_are_refused_with_the_size(tiles, said):
    answer = piece(said)
    assert answer.status_code == 416
    assert answer["Content-Range"] == "bytes */5120000"
    assert answer.content == b""


def test_without_a_file_there_is_none():
    assert piece("bytes=0-1").status_code == 404


def test_tiles_from_elsewhere_are_allowed_credited_and_said(browse, viewer, institute, site, settings):
    settings.ROOST_TILES_URL = "https://{s}.tile.openstreetmap.org/{z}/{x}/{y}.png"
    security._tiles_origin.cache_clear()
    try:
        answer = browse(viewer).get("/sites/")
        page = body(answer)
        assert "https://*.tile.openstreetmap.org" in answer["Content-Security-Policy"]
        assert "Map images come from tile.openstreetmap.org, which learns which places you look at." in page
        told = json.loads(unescape(page.split('data-map="')[1].split('"')[0]))
        assert told["attribution"] == "© OpenStreetMap contributors"
    finally:
        security._tiles_origin.cache_clear()


def test_tiles_from_a_file_may_be_pictures_of_the_page_and_nothing_else(browse, viewer, tiles):
    answer = browse(viewer).get("/sites/")
    assert "img-src 'self' data: blob:;" in answer["Content-Security-Policy"]
    assert "pmtiles.js" in body(answer)
