"""Maps: drawn from our own files, in light and dark, moved by mouse and keyboard, in forms, without scripts."""

import io
import re
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser.every_page import visiting
from django.urls import reverse
from people import SERVER, station_of
from PIL import Image
from playwright.sync_api import Page, expect
from psycopg.types.range import Range
from site_processes import running
from waiting import until

from fleet.core import clock
from fleet.deployments.antennas import AntennaSaid, antennas_set
from fleet.deployments.models import Deployment, Site
from fleet.deployments.publishing import deployment_publish

pytestmark = pytest.mark.browser

LAND = (
    "() => document.querySelectorAll('.stage path.ground').length > 0"
    " && document.querySelector('.leaflet-ground-pane svg').getBoundingClientRect().width > 300"
)
#: The colours of the light scheme.
LAND_COLOUR, WATER_COLOUR = (0xF8, 0xF6, 0xEF), (0xE3, 0xEA, 0xF0)
#: Maximum bytes of all cells in the first view of a region, in addition to the page.
REGION_BUDGET = 150_000


@pytest.fixture
def published(institute) -> Deployment:
    """A station in Ontario whose place is public to within five kilometres."""
    station = station_of(institute, state="on_time", name="Old Cut")
    site = Site.objects.create(organization=institute, name="Long Point", latitude=42.58123, longitude=-80.40456)
    Site.objects.create(organization=institute, name="Helgoland", latitude=54.18, longitude=7.89)
    made = Deployment.objects.create(station=station, site=site, period=Range(clock.now(), None))
    antennas_set(deployment=made, actor=SERVER, antennas=[AntennaSaid(1, "Yagi 9", 90.0)])
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
        (person.user, reverse("map")),
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
            expect(visitor.page.locator(".stage .spot").first).to_be_visible()
            hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
            # The page's own event stream is on the same host.
            assert {host.partition(":")[0] for host in hosts} == {"127.0.0.1"}, place
            assert not [said for said in visitor.said if said.startswith("error")], place


@pytest.mark.parametrize("width", [1280, 390])
def test_land_and_water_have_their_colours_without_scripts(browser, processes, person, published, width):
    options = {"java_script_enabled": False, "viewport": {"width": width, "height": 844}, "color_scheme": "light"}
    with visiting(browser, processes, person.user, **options) as visitor:
        missed: list[str] = []
        visitor.page.on("requestfailed", lambda asked: missed.append(f"{asked.url}: {asked.failure}"))
        visitor.page.on(
            "response", lambda got: missed.append(f"{got.url}: {got.status}") if got.status >= 400 else None
        )
        visitor.visit(reverse("map"))
        assert missed == []
        # The browser may draw the ground after the page's load event.
        shares = until(lambda: shares_with_ground(visitor.page), "land and water in their colours", every=0.2)
    assert (0, 0, 0) not in shares


def shares_with_ground(page: Page) -> dict[tuple[int, int, int], float]:
    """Each colour's share of the map; empty until land and water have been drawn."""
    picture = Image.open(io.BytesIO(page.locator(".map.sheet").screenshot())).convert("RGB")
    points = picture.width * picture.height
    shares = {colour: count / points for count, colour in picture.getcolors(1 << 20)}
    is_drawn = all(shares.get(colour, 0.0) > 0.05 for colour in (LAND_COLOUR, WATER_COLOUR))
    return shares if is_drawn else {}


def test_the_first_view_of_a_region_is_light(browser, processes, person, published):
    with visiting(browser, processes, person.user) as visitor:
        session = visitor.page.context.new_cdp_session(visitor.page)
        session.send("Network.enable")
        names: dict[str, str] = {}
        sizes: dict[str, float] = {}
        session.on(
            "Network.requestWillBeSent", lambda event: names.update({event["requestId"]: event["request"]["url"]})
        )
        session.on(
            "Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]})
        )
        visitor.visit(reverse("site", args=[published.site_id]))
        visitor.page.wait_for_function(LAND)
        visitor.page.wait_for_load_state("networkidle")
        ground = {names[each]: size for each, size in sizes.items() if "/ground/" in names.get(each, "")}
        assert len(ground) > 1, "the index and at least one cell"
        assert sum(ground.values()) < REGION_BUDGET, ground
        everything = sum(sizes.values()) - sum(ground.values())
        assert everything < 120_000, everything


def test_water_and_land_are_darker_in_the_dark(browser, processes, published):
    shades = {}
    for scheme in ("light", "dark"):
        with visiting(browser, processes, None, color_scheme=scheme) as visitor:
            visitor.visit(reverse("public-deployments"))
            visitor.page.wait_for_function(LAND)
            look = "one => [getComputedStyle(one).fill, getComputedStyle(one.closest('.stage')).backgroundColor]"
            shades[scheme] = visitor.page.locator(".stage path.ground").first.evaluate(look)
    for part in (0, 1):
        light, dark = (
            sum(int(number) for number in shades[scheme][part].removeprefix("rgb(").removesuffix(")").split(","))
            for scheme in ("light", "dark")
        )
        assert dark < 150
        assert light > 600


def test_the_keyboard_reaches_and_moves_the_map_and_its_pins(browser, processes, person, published):
    with visiting(browser, processes, person.user) as visitor:
        page = visitor.page
        visitor.visit(reverse("map"))
        page.wait_for_function(LAND)
        page.locator("#map-stage").focus()
        where = "() => new URL(location.href).searchParams.get('at')"
        before = page.evaluate(where)
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"before => ({where})() !== before", arg=before)
        at = page.evaluate(where)
        # Pins can be reached with Tab and opened with Enter.
        pin = page.locator(".stage .spot").first
        expect(pin).to_have_attribute("aria-label", "Old Cut: on time")
        pin.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".popped a", has_text="Old Cut")).to_be_visible()
        # The view is in the address: opened again, it is the same.
        page.reload()
        page.wait_for_function(LAND)
        assert page.evaluate(where) == at


def test_clusters_open_until_their_stations_stand_apart(browser, processes, person, institute):
    sites = [
        Site.objects.create(organization=institute, name=f"S{n}", latitude=42.6 + n / 50, longitude=-80.4)
        for n in range(3)
    ]
    far = Site.objects.create(organization=institute, name="Far", latitude=60.0, longitude=25.0)
    for number, site in enumerate([*sites, far]):
        station = station_of(institute, state="silent" if number == 1 else "on_time", name=f"Station {number}")
        Deployment.objects.create(station=station, site=site, period=Range(clock.now(), None))
    with visiting(browser, processes, person.user) as visitor:
        visitor.visit(reverse("map"))
        pill = visitor.page.locator(".stage .spot[aria-label='1 silent, 2 on time']")
        expect(pill).to_be_visible()
        # The two that are on time come after the worst.
        expect(pill.locator(".pill > span").first).to_have_class("silent")
        pill.click()
        expect(visitor.page.locator(".stage .spot[aria-label='Station 1: silent']")).to_be_visible()
        expect(visitor.page.locator(".stage .pill")).to_have_count(0)


def test_a_site_is_placed_by_click_by_drag_by_hand_and_by_the_phone(browser, processes, person, published):
    with visiting(
        browser,
        processes,
        person.user,
        geolocation={"latitude": 54.18, "longitude": 7.89, "accuracy": 11.2},
        permissions=["geolocation"],
    ) as visitor:
        page = visitor.page
        visitor.visit(reverse("site", args=[published.site_id]))
        page.wait_for_function(LAND)
        latitude, longitude = page.locator("#id_latitude"), page.locator("#id_longitude")
        page.locator("#map-stage").click(position={"x": 40, "y": 60})
        expect(latitude).not_to_have_value("42.58123")
        clicked = float(latitude.input_value())
        mark = page.locator(".stage .placing")
        box = mark.bounding_box()
        page.mouse.move(box["x"] + 8, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 120, steps=5)
        page.mouse.up()
        page.wait_for_function("before => Number(document.querySelector('#id_latitude').value) < before", arg=clicked)
        latitude.fill("42.7")
        longitude.fill("-80.2")
        longitude.press("Tab")
        expect(mark).to_be_visible()
        page.get_by_role("button", name="Use this phone's position").click()
        expect(latitude).to_have_value("54.18000")
        expect(longitude).to_have_value("7.89000")
        expect(page.get_by_text("Position taken, within 12 m.")).to_be_visible()
        page.get_by_role("button", name="Save site").click()
        expect(page.get_by_text("54.18000, 7.89000")).to_be_visible()
    assert Site.objects.get(pk=published.site_id).latitude == 54.18


def test_without_scripts_the_map_is_drawn_and_the_table_says_where(browser, processes, person, published):
    with visiting(browser, processes, person.user, java_script_enabled=False) as visitor:
        visitor.visit(reverse("sites"))
        expect(visitor.page.locator(".map svg.broad .ground")).to_be_visible()
        expect(visitor.page.locator(".stage")).to_have_count(0)
        expect(visitor.page.get_by_role("row").filter(has_text="Helgoland")).to_contain_text("54.18000")
        visitor.visit(reverse("map"))
        visitor.page.locator("svg.broad a.pin").first.click()
        expect(visitor.page).to_have_url(re.compile(r"/stations/|at="))
    with visiting(browser, processes, None, java_script_enabled=False) as visitor:
        visitor.visit(reverse("public-deployments"))
        visitor.page.get_by_role("row").get_by_role("link", name="Long Point").click()
        expect(visitor.page.get_by_text("It is somewhere within 5 km of there.")).to_be_visible()
        assert "42.58123" not in visitor.page.content()


def tiles_make(file: Path) -> None:
    """A PMTiles file in which every tile up to zoom 10 is the same red square."""
    picture = io.BytesIO()
    Image.new("RGB", (256, 256), (200, 30, 30)).save(picture, "PNG")
    tile, said = picture.getvalue(), b'{"attribution":"<b>Red Squares</b> Ltd"}'

    def varint(value: int) -> bytes:
        found = []
        while value > 127:
            found.append(value & 127 | 128)
            value >>= 7
        return bytes([*found, value])

    tiles = sum(4**zoom for zoom in range(11))
    # One entry: the number of its first tile, how many tiles it stands for, its length, and its offset plus 1.
    directory = b"".join(map(varint, (1, 0, tiles, len(tile), 1)))
    places = [127, len(directory), 127 + len(directory), len(said), 0, 0]
    places += [127 + len(directory) + len(said), len(tile), tiles, 1, 1]
    head = b"PMTiles\x03" + struct.pack("<11Q", *places) + bytes([1, 1, 1, 2, 0, 10])
    head += struct.pack("<4iB2i", -1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000, 0, 0, 0)
    assert len(head) == 127
    file.write_bytes(head + directory + said + tile)


def test_a_file_of_tiles_on_our_own_disk_is_the_ground_of_a_map(
    browser, transactional_db, collected, tmp_path, person, published
):
    tiles_make(tmp_path / "red.pmtiles")
    with (
        running(collected, "site", "live", ROOST_TILES_FILE=str(tmp_path / "red.pmtiles")) as processes,
        visiting(browser, processes, person.user) as visitor,
    ):
        visitor.visit(reverse("sites"))
        tile = visitor.page.locator(".stage img.leaflet-tile-loaded").first
        expect(tile).to_be_visible()
        assert tile.evaluate("one => one.src").startswith("blob:")
        expect(visitor.page.locator(".leaflet-control-attribution")).to_have_text("Red Squares Ltd")
        expect(visitor.page.locator(".stage path.ground")).to_have_count(0)
        assert not [said for said in visitor.said if said.startswith("error")]
