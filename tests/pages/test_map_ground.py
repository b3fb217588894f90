"""The ground of maps: cells without seams, towns and borders from their files, and no detail too fine to see."""

import json
import math

import pytest

from sg_status.maps import ground
from sg_status.maps.ground import ground_drawn, ground_index
from sg_status.maps.view import View, view_fit
from web.basemap.borders import Countries
from web.basemap.cells import LEVELS, GroundSheet
from web.basemap.towns import towns_read

NEAR = LEVELS[-1]


def points(numbers):
    east = north = 0
    for place in range(0, len(numbers), 2):
        east, north = east + numbers[place], north + numbers[place + 1]
        yield east, north


def area(ring):
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True))) / 2


def test_land_cut_into_cells_has_the_same_area_and_stays_in_its_cells():
    ring = [(-3.0, 47.0), (14.0, 51.0), (27.5, 42.0), (12.0, 68.0), (1.0, 55.0)]
    sheet = GroundSheet(NEAR)
    sheet.area_add(ring)
    edge = NEAR.side * NEAR.steps
    pieces = [list(points(numbers)) for cell in sheet.cells.values() for numbers in cell.land]
    assert len(sheet.cells) > 5
    assert all(0 <= part <= edge for piece in pieces for point in piece for part in point)
    assert sum(map(area, pieces)) / NEAR.steps**2 == pytest.approx(area(ring), rel=1e-3)


def test_a_line_over_an_edge_is_in_both_cells_without_a_gap():
    sheet = GroundSheet(NEAR)
    sheet.line_add([(8.0, 47.0), (9.0, 47.5), (11.0, 48.0), (12.0, 48.0)], "rivers")
    west, east = (list(points(sheet.cells[cell].rivers[0])) for cell in ((0, 13), (1, 13)))
    assert west[-1] == (11 * 400, 8 * 400)
    assert east[0] == (-1 * 400, round(7.5 * 400))


def test_a_place_west_of_greenwich_is_in_its_cell():
    sheet = GroundSheet(NEAR)
    _ground, east, north = sheet.point_at(-80.4, 42.6)
    assert list(sheet.cells) == [(27, 13)]
    assert (east, north) == (round(9.6 * 400), round(2.6 * 400))


def test_towns_are_read_with_their_provinces(tmp_path):
    def field(number, value):
        return bytes([number << 3]) + varint(value)

    def text(number, value):
        return bytes([number << 3 | 2]) + varint(len(value)) + value

    def varint(value):
        found = []
        while value > 127:
            found.append(value & 127 | 128)
            value >>= 7
        return bytes([*found, value])

    def signed(value):
        return value << 1 if value >= 0 else (-value << 1) - 1

    def town(name, lon, lat, people):
        content = text(2, name) + text(3, b"CA") + text(8, b"08") + field(9, people)
        content += field(10, signed(lon)) + field(11, signed(lat))
        return varint(len(content)) + content

    cities, provinces = tmp_path / "cities.pbf", tmp_path / "admin1.json"
    # The second is 0.1° east and south of the first.
    cities.write_bytes(town(b"Port Rowan", -8_045_000, 4_262_000, 1_000) + town(b"Simcoe", 10_000, -10_000, 16_000))
    provinces.write_text(json.dumps([{"code": "CA.08", "name": "Ontario"}]))
    first, second = towns_read(cities, provinces)
    assert (first.name, first.lon, first.lat, first.province, first.size) == ("Port Rowan", -80.45, 42.62, "Ontario", 0)
    assert (second.lon, second.lat, second.size) == (pytest.approx(-80.35), pytest.approx(42.52), 1)


def test_only_what_two_countries_share_is_a_border(tmp_path):
    # Two squares side by side; arc 1 is between them.
    atlas = {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": [[[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [0, 1]], [[1, 1], [1, 0], [0, -1], [-1, 0]]],
        "objects": {
            "countries": {
                "geometries": [
                    {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "West"}},
                    {"type": "MultiPolygon", "arcs": [[[2, 1]]], "properties": {"name": "East"}},
                ]
            }
        },
    }
    (tmp_path / "atlas.json").write_text(json.dumps(atlas))
    countries = Countries(tmp_path / "atlas.json")
    assert list(countries.borders()) == [[(1, 0), (1, 1)]]
    names = {name: (middle, size) for name, middle, size in countries.names()}
    assert names["West"] == ((0.5, 0.5), 1.0)
    assert names["East"] == ((1.5, 0.5), 1.0)


@pytest.fixture
def island(tmp_path, settings):
    """A ground with one island, a lake in it, a town, and the name of the lake."""
    sheet = GroundSheet(NEAR)
    sheet.area_add([(6.0, 52.0), (9.0, 52.0), (9.0, 56.0), (6.0, 56.0)])
    sheet.area_add([(7.0, 53.0), (8.0, 53.0), (8.0, 54.0), (7.0, 54.0)])
    cell, east, north = sheet.point_at(7.5, 53.5)
    cell.names.append((east, north, 8, "sea", "Middle Lake"))
    cell, east, north = sheet.point_at(6.5, 52.5)
    cell.regions.append("Westland")
    cell.towns.append((east, north, 2, 0, "Harbour"))
    index = {
        "mark": "0123456789ab",
        "levels": {"near": {**vars_of(NEAR), "cells": [f"{c}_{r}" for c, r in sheet.cells]}},
    }
    index["levels"]["world"] = {**vars_of(LEVELS[0]), "cells": []}
    (tmp_path / "index.json").write_text(json.dumps(index))
    for (column, row), one in sheet.cells.items():
        fields = {name: getattr(one, name) for name in one.__slots__}
        (tmp_path / f"near-{column}_{row}.0123456789ab.json").write_text(json.dumps(fields))
    settings.GROUND_FOLDER = tmp_path
    caches = (ground_index, ground_drawn, ground._cell_read)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def vars_of(level):
    return {name: getattr(level, name) for name in level.__slots__}


def test_the_ground_of_a_view_has_land_with_a_lake_and_names(island):
    drawn = ground_drawn(View(7.5, 53.5, 9.0, 600, 900))
    assert drawn.land.count("M") == 2
    assert drawn.land.endswith("z")
    # The island extends beyond the view, and there is no shore where it is cut off.
    assert drawn.shores.count("M") == 1
    assert [(name.text, round(name.x), round(name.y)) for name in drawn.names] == [("Middle Lake", 300, 450)]


def test_a_view_without_ground_is_empty(island):
    assert ground_drawn(View(-150.0, -40.0, 8.0, 600, 500)).land == ""


def test_without_a_built_ground_maps_have_pins_only(tmp_path, settings):
    settings.GROUND_FOLDER = tmp_path
    ground_index.cache_clear()
    ground_drawn.cache_clear()
    try:
        assert ground_drawn(View(7.5, 53.5, 8.0, 600, 500)).land == ""
    finally:
        ground_index.cache_clear()
        ground_drawn.cache_clear()


@pytest.mark.parametrize(
    "places",
    [[(-80.0, 42.0), (-81.0, 43.0)], [(178.0, -18.0), (-171.0, -14.0)], [(-179.0, 60.0), (179.0, -60.0), (0.0, 0.0)]],
)
def test_a_fitted_view_shows_every_place(places):
    view = view_fit(places, 600, 400)
    for longitude, latitude in places:
        x, y = view.pixels(longitude, latitude)
        assert 0 < x < 600, (longitude, x)
        assert 0 < y < 400, (latitude, y)
    west, south, east, north = view.bounds()
    assert south < min(lat for _lon, lat in places)
    assert north > max(lat for _lon, lat in places)
    assert east - west < 361


def test_a_pixel_is_as_many_metres_as_the_projection_says():
    view = View(7.5, 60.0, 10.0, 600, 400)
    assert view.metres == pytest.approx(40_075_017 * math.cos(math.radians(60)) / (256 * 1024))
