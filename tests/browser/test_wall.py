"""The wall in a browser: it changes by itself, never grows, fills the screen, and works without scripts."""

from datetime import timedelta

import pytest
from browser.every_page import visiting
from browser.test_axe import assert_none, axe, complaints_here
from people import station_of
from playwright.sync_api import expect

from fleet.alerts.models import Incident
from fleet.core import clock
from fleet.core.live import live_announce
from fleet.stations.models import Station, StationContact
from sg_status.pages.fleet.wall import TILES_MOST

__all__ = ["axe"]

pytestmark = pytest.mark.browser
#: Chromium's own count of the nodes in the page's documents.
NODES = "document.getElementsByTagName('*').length"


def stations_make(organization, number: int) -> list[Station]:
    """Create stations that are on time, with names as people give them."""
    moment = clock.now()
    made = Station.objects.bulk_create(
        Station(
            organization=organization, serial=f"SG-7F5ERPI4{each:04}", name=f"Backus Woods, tower number {each}",
            generation=1, registered_at=moment - timedelta(days=30),
        )
        for each in range(number)
    )  # fmt: skip
    StationContact.objects.bulk_create(
        StationContact(
            station=one, state="on_time", first_contact_at=moment, last_contact_at=moment, announced_interval_s=3600.0,
            late_after=moment + timedelta(hours=1), silent_after=moment + timedelta(hours=3),
        )
        for one in made
    )  # fmt: skip
    return made


def test_a_change_appears_by_itself_and_the_page_does_not_grow(browser, processes, operator, institute):
    station = station_of(institute, state="on_time", name="Old Cut")
    with visiting(browser, processes, operator.user) as visitor:
        visitor.visit("/wall/")
        page = visitor.page
        expect(page.locator("#live-line")).to_have_text("Live")
        tile = page.locator(".tileset li")
        expect(tile).to_contain_text("on time")
        expect(page).to_have_title("Your station is fine · Roost")
        seen = []
        for state, word, title in (("silent", "silent", "needs attention"), ("on_time", "on time", "is fine")) * 3:
            deadline = clock.now() + timedelta(hours=2 if state == "on_time" else -1)
            StationContact.objects.filter(station=station).update(
                state=state, late_after=deadline, silent_after=deadline
            )
            live_announce(changed={institute.id: [station.serial]})
            expect(tile.locator("b")).to_have_text(word)
            expect(page).to_have_title(f"Your station {title} · Roost")
            seen.append(page.evaluate(NODES))
        assert len(set(seen[0::2])) == 1
        assert len(set(seen[1::2])) == 1
        moment = clock.now()
        Incident.objects.create(
            organization=institute, station=station, rule="health_battery", sentence="Its battery is at 11.4 V.",
            began_at=moment, opened_at=moment,
        )  # fmt: skip
        live_announce(changed={institute.id: [station.serial]})
        expect(page.locator(".news")).to_contain_text("1 incident that nobody has acknowledged: Old Cut battery low")
        expect(page).to_have_title("(1) Your station needs attention · Roost")
        assert "silent" not in page.locator("#favicon").get_attribute("href")
        assert visitor.said == []


def test_a_full_wall_shows_every_tile_on_the_screen_and_says_how_many_are_left_out(
    browser, processes, axe, operator, institute
):
    made = stations_make(institute, TILES_MOST + 20)
    StationContact.objects.filter(station__in=[one.pk for one in made[:5]]).update(state="silent")
    StationContact.objects.filter(station__in=[one.pk for one in made[5:9]]).update(state="late")
    options = {"reduced_motion": "reduce", "viewport": {"width": 1920, "height": 1080}}
    with visiting(browser, processes, operator.user, **options) as visitor:
        visitor.visit("/wall/")
        page = visitor.page
        expect(page.locator(".tileset li")).to_have_count(TILES_MOST)
        inside = page.evaluate(
            "[...document.querySelectorAll('.tileset li')].every(tile => {"
            "const box = tile.getBoundingClientRect();"
            "const words = [...tile.querySelectorAll('h3, p')].map(one => one.getBoundingClientRect().bottom);"
            "return box.bottom <= innerHeight && box.right <= innerWidth && Math.max(...words) <= box.bottom + 1; })"
        )
        assert inside
        assert page.evaluate("document.documentElement.scrollHeight") == 1080
        expect(page.get_by_text("20 more stations do not fit on this screen: 20 on time.")).to_be_visible()
        assert_none(complaints_here(visitor, "/wall/", axe, views=((1920, 1080, "light"), (1920, 1080, "dark"))))


@pytest.mark.parametrize("number", [1, 12, 30, 72])
def test_fewer_tiles_are_larger_and_their_words_stay_inside(browser, processes, operator, institute, number):
    made = stations_make(institute, number)
    StationContact.objects.filter(station=made[0]).update(state="silent")
    with visiting(browser, processes, operator.user, viewport={"width": 1920, "height": 1080}) as visitor:
        visitor.visit("/wall/")
        assert visitor.page.evaluate(
            "[...document.querySelectorAll('.tileset li')].every(tile => {"
            "const box = tile.getBoundingClientRect(), words = tile.querySelector('p').getBoundingClientRect();"
            "return box.bottom <= innerHeight && words.bottom <= box.bottom + 1; })"
        )


def test_it_works_without_scripts_and_loads_itself_again(browser, processes, operator, institute):
    station = station_of(institute, state="on_time", name="Old Cut")
    with visiting(browser, processes, operator.user, java_script_enabled=False) as visitor:
        visitor.visit("/")
        visitor.page.get_by_role("link", name="Wall", exact=True).first.click()
        expect(visitor.page.locator(".tileset li")).to_contain_text("on time")
        expect(visitor.page.locator("noscript p")).to_be_visible()
        StationContact.objects.filter(station=station).update(state="silent")
        # With scripts, this is a text and no element.
        assert visitor.page.locator("meta[http-equiv=refresh]").get_attribute("content") == "30"
        visitor.page.reload()
        expect(visitor.page.locator(".tileset li b")).to_have_text("silent")
        visitor.page.get_by_role("link", name="silent").click()
        expect(visitor.page.locator("[aria-current=true]")).to_contain_text("silent")
