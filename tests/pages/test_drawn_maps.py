"""Pins, clusters and labels on a map: the worst state shows, nothing covers anything else, and nothing is left out."""

import random
import re

import pytest
from django.template.loader import render_to_string

from fleet.deployments.models import Antenna
from sg_status.maps.drawing import SMALL, TALL, WIDE, map_drawn
from sg_status.maps.labels import FreeSpace, around
from sg_status.maps.pins import Pin, clusters_of
from sg_status.maps.sectors import Beam, beam_path, beams_of
from sg_status.maps.told import pins_told, view_asked
from sg_status.maps.view import View

VIEW = View(-80.3, 42.6, 9.0, 800, 500)


def rendered(pins, **more) -> str:
    context = {"map": map_drawn(pins, **more), "label": "Map", "near": "/map/?at="}
    return render_to_string("sg_status/components/map.html", context)


def test_a_cluster_stands_for_its_worst_state_and_counts_all():
    pins = [Pin(42.6 + n * 1e-4, -80.4, f"S{n}", "on_time") for n in range(4)]
    pins += [Pin(42.6, -80.4001, "Breakwater", "silent"), Pin(42.6, -80.4, "Asleep", "asleep")]
    (cluster,) = clusters_of(pins, VIEW)
    assert cluster.pins[0].name == "Breakwater"
    assert cluster.groups == [("silent", 1), ("on_time", 4)]
    assert cluster.more == 1
    assert cluster.words == "1 silent, 4 on time, 1 asleep by plan"


def test_pins_never_cover_each_other_and_none_is_lost():
    numbers = random.Random(7)
    pins = [
        Pin(numbers.uniform(42.2, 43.0), numbers.uniform(-81.2, -79.4), f"S{n}", "late" if n % 9 else "silent")
        for n in range(2_000)
    ]
    clusters = clusters_of(pins, VIEW, margin=1e6)
    assert sum(len(cluster.pins) for cluster in clusters) == 2_000
    spots = [(cluster.x, cluster.y) for cluster in clusters]
    nearest = min((a - c) ** 2 + (b - d) ** 2 for n, (a, b) in enumerate(spots) for c, d in spots[:n])
    assert nearest >= 44**2


def test_pins_outside_the_view_are_left_out():
    assert clusters_of([Pin(10.0, 10.0, "Far", "silent")], VIEW) == []


def test_words_never_overlap():
    room, numbers = FreeSpace(400, 300), random.Random(3)
    placed = [
        room.put("Port Rowan", "pin", around(numbers.uniform(0, 400), numbers.uniform(0, 300), 9.5)) for _ in range(200)
    ]
    assert 5 < sum(one is not None for one in placed) < 60
    for number, (left, top, right, bottom) in enumerate(room.taken):
        for west, north, east, south in room.taken[:number]:
            assert not (left < east and right > west and top < south and bottom > north)


def test_the_drawing_has_a_link_for_each_pin_with_state_and_name_and_no_localized_number(settings):
    with_comma = {"LANGUAGE_CODE": "de"}
    for name, value in with_comma.items():
        setattr(settings, name, value)
    page = rendered([Pin(42.56, -80.3, "Break<water", "silent", "/stations/SG-1/")], sizes=(WIDE, TALL))
    assert page.count('href="/stations/SG-1/"') == 2, "one drawing for desks, one for phones"
    assert page.count("<title>Break&lt;water: ") == 2
    assert 'class="pin silent"' in page
    assert not re.search(r'(?:x|y|cx|cy|r|width)="\d+,\d', page)


def test_a_cluster_leads_to_a_nearer_view():
    pins = [Pin(42.6, -80.4 + n * 1e-5, f"S{n}", "late") for n in range(3)] + [Pin(43.5, -79.0, "Far", "late")]
    page = rendered(pins, sizes=(SMALL,))
    (near,) = re.findall(r'href="/map/\?at=([^"]+)"', page)
    latitude, longitude, zoom = map(float, near.split(","))
    assert (latitude, longitude) == (pytest.approx(42.6), pytest.approx(-80.4, abs=1e-3))
    assert zoom > map_drawn(pins, sizes=(SMALL,)).view.zoom


def test_a_blurred_place_is_a_circle_of_its_radius():
    drawn = map_drawn([Pin(47.6, 9.4, "Somewhere", radius_m=5_000.0)], sizes=(SMALL,))
    (sheet,) = drawn.sheets
    assert sheet.drawn[0].reach * sheet.view.metres == pytest.approx(5_000.0, rel=0.02)
    assert sheet.drawn[0].reach < min(SMALL) / 2


@pytest.mark.parametrize(
    ("bearing", "corner"), [(0.0, (-0.5, -0.866)), (90.0, (0.866, -0.5)), (180.0, (0.5, 0.866)), (270.0, (-0.866, 0.5))]
)
def test_a_beam_opens_around_its_bearing(bearing, corner):
    path = beam_path(Beam(0.0, 0.0, 1, bearing, 60.0), 0.0, 0.0, 100.0)
    start = re.match(r"M0.0 0.0l(-?[\d.]+) (-?[\d.]+)A", path)
    assert (float(start[1]) / 100, float(start[2]) / 100) == (
        pytest.approx(corner[0], abs=0.01),
        pytest.approx(corner[1], abs=0.01),
    )


def test_antennas_without_bearing_or_place_are_not_drawn():
    antennas = [
        Antenna(port=1, bearing_deg=90.0),
        Antenna(port=2),
        Antenna(port=3, beam_width_deg=360.0),
        Antenna(port=4, bearing_deg=10.0, beam_width_deg=42.0),
    ]
    assert [(one.port, one.width_deg) for one in beams_of(antennas, 42.0, -80.0)] == [(1, 60.0), (3, 360.0), (4, 42.0)]
    assert beams_of(antennas, None, None) == []


@pytest.mark.parametrize(
    "at", ["", "x,y,z", "91,0,3", "0,0,19", "nan,0,3", "0,inf,3", "1,2", "1,2,3,4", "0,0,-1", "\x00,1,2"]
)
def test_a_view_that_is_none_is_ignored(at):
    assert view_asked({"at": at}) is None


@pytest.mark.parametrize("size", [("0", "500"), ("4001", "500"), ("999999", "5"), ("x", "5")])
def test_the_size_of_a_screen_is_bounded(size):
    assert view_asked({"at": "42,-80,5", "width": size[0], "height": size[1]}) is None


def test_the_script_is_told_no_more_than_a_screen_holds():
    numbers = random.Random(1)
    pins = [
        Pin(numbers.uniform(-60, 70), numbers.uniform(-180, 180), f"Station {n}", "on_time", f"/stations/SG-{n}/")
        for n in range(20_000)
    ]
    told = pins_told(pins, View(0.0, 20.0, 2.0, 1016, 590))
    assert len(told) < 500
    assert sum(len(one["pins"]) + one["left"] if "pins" in one else 1 for one in told) > 15_000
    assert all(len(one.get("pins", ())) <= 12 for one in told)
