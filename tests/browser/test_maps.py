"""Maps: drawn from our own files alone, in light and dark, usable by keyboard, and shown as a table without scripts."""

from urllib.parse import urlsplit

import pytest
from browser.every_page import visiting
from django.urls import reverse
from people import SERVER, station_of
from playwright.sync_api import expect
from psycopg.types.range import Range

from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.deployments.publishing import deployment_publish

pytestmark = pytest.mark.browser

#: Number of pixels drawn on the map; transparent ones show the page behind it.
DRAWN = (
    "() => { const canvas = document.querySelector('#map canvas');"
    "if (!canvas) return 0;"
    "const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
    "let some = 0; for (let i = 3; i < dots.length; i += 4) if (dots[i]) some++; return some; }"
)
LAND = "() => performance.getEntriesByType('resource').some(one => one.name.includes('land-50m') && one.responseEnd)"


@pytest.fixture
def published(institute) -> Deployment:
    """A station in Ontario whose place is public to within five kilometres."""
    station = station_of(institute, state="on_time", name="Old Cut")
    site = Site.objects.create(organization=institute, name="Long Point", latitude=42.58123, longitude=-80.40456)
    Site.objects.create(organization=institute, name="Helgoland", latitude=54.18, longitude=7.89)
    made = Deployment.objects.create(station=station, site=site, period=Range(clock.now(), None))
    deployment_publish(
        deployment=made,
        actor=SERVER,
        is_public=True,
        location=Deployment.Location.BLURRED,
        blur_radius_m=5_000.0,
        withheld_until=None,
        is_serial_public=False,
    )
    made.refresh_from_db()
    return made


def pages_with_maps(deployment, person) -> list[tuple[object, str]]:
    return [
        (person.user, reverse("sites")),
        (person.user, reverse("site", args=[deployment.site_id])),
        (person.user, reverse("deployment", args=[deployment.pk])),
        (None, reverse("public-deployments")),
        (None, reverse("public-deployment", args=[deployment.public_id])),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_map_is_drawn_from_our_own_files(browser, processes, person, published, scheme):
    for who, place in pages_with_maps(published, person):
        with visiting(browser, processes, who, color_scheme=scheme) as visitor:
            asked: list[str] = []
            visitor.page.on("request", lambda request, asked=asked: asked.append(request.url))
            visitor.visit(place)
            visitor.page.wait_for_function(LAND)
            visitor.page.wait_for_function(f"() => ({DRAWN})() > 2000")
            expect(visitor.page.locator("#map")).to_be_visible()
            hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
            # The page's own event stream is on the same host.
            assert {host.partition(":")[0] for host in hosts} == {"127.0.0.1"}, place
            assert not [said for said in visitor.said if said.startswith("error")], place


def test_the_ground_is_darker_in_the_dark(browser, processes, published):
    shades = {}
    for scheme in ("light", "dark"):
        with visiting(browser, processes, None, color_scheme=scheme) as visitor:
            visitor.visit(reverse("public-deployments"))
            ground = visitor.page.locator("#map").evaluate("map => getComputedStyle(map).backgroundColor")
            shades[scheme] = sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    assert shades["dark"] < 150
    assert shades["light"] > 600


def test_the_keyboard_reaches_and_moves_the_map(browser, processes, person, published):
    with visiting(browser, processes, person.user) as visitor:
        visitor.visit(reverse("sites"))
        visitor.page.wait_for_function(LAND)
        for _ in range(40):
            visitor.page.keyboard.press("Tab")
            if visitor.page.evaluate("document.activeElement.id") == "map":
                break
        expect(visitor.page.locator("#map")).to_be_focused()
        where = "() => document.querySelector('#map .leaflet-map-pane').style.transform"
        before = visitor.page.evaluate(where)
        visitor.page.keyboard.press("ArrowRight")
        visitor.page.wait_for_function(f"before => ({where})() !== before", arg=before)
        # After the map come its buttons, and then the table, in which each point is a link.
        words = []
        for _ in range(8):
            visitor.page.keyboard.press("Tab")
            words.append(visitor.page.evaluate("document.activeElement.textContent.trim()"))
        assert words[0] == "+"
        assert {"Helgoland", "Long Point"} <= set(words)


def test_without_scripts_the_table_says_where(browser, processes, person, published):
    with visiting(browser, processes, person.user, java_script_enabled=False) as visitor:
        visitor.visit(reverse("sites"))
        expect(visitor.page.locator("#map")).to_be_hidden()
        expect(visitor.page.get_by_role("row").filter(has_text="Helgoland")).to_contain_text("54.18000")
    with visiting(browser, processes, None, java_script_enabled=False) as visitor:
        visitor.visit(reverse("public-deployments"))
        expect(visitor.page.locator("#map")).to_be_hidden()
        visitor.page.get_by_role("link", name="Long Point").click()
        expect(visitor.page.get_by_text("It is somewhere within 5 km of there.")).to_be_visible()
        assert "42.58123" not in visitor.page.content()
