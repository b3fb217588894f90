"""Pictures of every page with a lifelike fleet, in four views; only for a folder in `ROOST_SCREENSHOTS`.

    ROOST_SCREENSHOTS=/tmp/pictures var/venv/bin/pytest tests/browser/test_pictures.py

Its subfolder `kept` gets the few pictures that are used in `docs/pictures/`.
"""

import io
import os
from pathlib import Path

import pytest
from browser.every_page import get, is_page, visiting
from browser.long_point import ZONE, long_point_make, long_point_refresh
from isolation.access_table import TABLE, listed
from isolation.matrix import place_of
from PIL import Image

FOLDER = os.environ.get("ROOST_SCREENSHOTS", "")
#: Names of the wanted pages, separated by spaces, while somebody works on only a few.
ONLY = os.environ.get("ROOST_SCREENSHOTS_OF", "").split()
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not FOLDER, reason="ROOST_SCREENSHOTS names no folder")]

#: Width, height, scheme.
VIEWS = {
    "desktop-light": (1280, 900, "light"),
    "desktop-dark": (1280, 900, "dark"),
    "phone-light": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}
#: Pages whose pictures are in the documentation, with their views.
KEPT = {
    "fleet": ("desktop-light",),
    "station": ("desktop-light", "desktop-dark"),
    "station-data": ("desktop-light",),
    "station-detections": ("desktop-light",),
    "station-commands": ("desktop-light",),
    "incident": ("desktop-light",),
    "map": ("desktop-light",),
    "login": ("desktop-dark",),
}
#: A live page never stops loading, so it counts as drawn when nothing more has arrived for a moment.
SETTLED = """() => new Promise((resolve) => {
    let seen = -1;
    const look = () => {
        const now = performance.getEntriesByType("resource").length;
        if (now === seen) resolve(); else { seen = now; setTimeout(look, 400); }
    };
    look();
})"""
#: A picture that is longer than this is cut in the documentation.
KEPT_HEIGHT = 1_800


def test_pictures_of_every_page(browser, processes):
    made = long_point_make()
    places = {"login": "/login/", "public-deployments": "/public/deployments/"}
    for address in listed():
        line = TABLE[address.name]
        if address.is_api or "GET" not in line.methods or address.name in places:
            continue
        try:
            place = place_of(address, line, made.values)
        except KeyError:
            continue
        if is_page(get(made.client, place)) and (not ONLY or address.name in ONLY):
            places[address.name] = place
    kept = Path(FOLDER) / "kept"
    kept.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    for view, (width, height, scheme) in VIEWS.items():
        for who in (None, made.client):
            with visiting(
                browser, processes, who, viewport={"width": width, "height": height}, color_scheme=scheme,
                reduced_motion="reduce", timezone_id=ZONE, locale="en-CA",
                # Taking a picture adds a style to the page, which the policy would refuse.
                bypass_csp=True,
            ) as visitor:  # fmt: skip
                for name, place in places.items():
                    if (who is None) != (name in ("login", "public-deployments")):
                        continue
                    long_point_refresh(made)
                    visitor.page.set_viewport_size({"width": width, "height": height})
                    visitor.visit(place)
                    # The window is as tall as the page, so a bar at the window's edge is drawn at the page's end.
                    tall = max(height, visitor.page.evaluate("document.documentElement.scrollHeight"))
                    visitor.page.set_viewport_size({"width": width, "height": tall})
                    visitor.page.evaluate(SETTLED)
                    picture = visitor.page.screenshot()
                    (Path(FOLDER) / f"{name}-{view}.png").write_bytes(picture)
                    if view in KEPT.get(name, ()):
                        shown = Image.open(io.BytesIO(picture)).convert("RGB")
                        shown.crop((0, 0, shown.width, min(shown.height, KEPT_HEIGHT))).save(
                            kept / f"{name}-{view}.webp", quality=82, method=6
                        )
                complaints += [said for said in visitor.said if said.startswith("error")]
    assert complaints == []
    if ONLY:
        return
    assert len(places) > 40
    assert sum(path.stat().st_size for path in kept.iterdir()) < 1_500_000
