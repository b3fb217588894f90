"""axe finds nothing to complain of on any page: light and dark, on a phone and on a desk."""

import subprocess

import pytest
from browser.every_page import forgotten, visiting, walks_of
from isolation.tenants import tenant_make
from site_processes import ROOT

pytestmark = pytest.mark.browser

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SIZES = ((1280, 900), (360, 740))
SCHEMES = ("light", "dark")
RUN = (
    "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    ".map(v => v.id + ': ' + v.help + ' at ' + v.nodes.slice(0, 3).map(n => n.target.join(' ')).join(', '))"
)


@pytest.fixture(scope="module")
def axe(collected) -> str:
    if not AXE.is_file():
        # The files that pages need may lie there from before, without what tests need.
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True, timeout=300)
    return AXE.read_text("utf-8")


def complaints_of(visitor, places, axe) -> list[str]:
    """Colours must not be on their way from one scheme to the other: the windows here ask for no motion."""
    found = []
    for place in places:
        visitor.visit(place)
        visitor.page.evaluate(axe)
        for width, height in SIZES:
            visitor.page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                visitor.page.emulate_media(color_scheme=scheme)
                found += [f"{place} ({scheme}, {width}): {each}" for each in visitor.page.evaluate(RUN)]
            over = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found += [f"{place} ({width}): {over} pixels wider than the window"] if over > 0 else []
    return found


def assert_none(complaints: list[str]) -> None:
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def test_every_page(browser, processes, axe):
    walks = walks_of(tenant_make("Alabaster"))
    assert forgotten(walks) == set()
    complaints = []
    for walk in walks:
        with visiting(browser, processes, walk.client, reduced_motion="reduce") as visitor:
            complaints += complaints_of(visitor, walk.places.values(), axe)
    assert_none(complaints)
