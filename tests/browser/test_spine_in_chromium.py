"""The spine in a browser: a first tap describes a mark, a second opens its page; keys do the same."""

from datetime import timedelta

import pytest
from browser.test_pages_in_chromium import Watched
from pages.busy_stations import command_make
from people import station_of
from playwright.sync_api import expect

from fleet.core import clock
from fleet.files.models import StationFile

pytestmark = pytest.mark.browser
#: Refreshes the page as any change does, and waits until the answer is shown.
REFRESH = """() => new Promise((done) => {
    document.addEventListener("htmx:afterSettle", () => done(true), { once: true });
    document.dispatchEvent(new Event("roost:ask", { cancelable: true }));
})"""


@pytest.fixture
def station(institute):
    made = station_of(institute, state="on_time", name="Old Cut")
    command_make(made, clock.now() - timedelta(days=3), state="succeeded")
    return made


def test_a_tap_describes_a_mark_and_a_second_one_opens_its_page(browser, processes, person, station):
    watched = Watched(browser, viewport={"width": 390, "height": 844}, has_touch=True)
    page = watched.log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/")
    # The page replaces its marks when its live connection opens, so wait for that.
    expect(page.locator("#live-line")).to_have_text("Live")
    mark = page.locator('.spine a[href*="/commands/#c-"]')
    box = mark.bounding_box()
    assert box["width"] >= 44
    assert box["height"] >= 44
    mark.tap(force=True)
    expect(page.locator(".spine .told")).to_contain_text("Send ping: done")
    assert page.url.endswith(f"/stations/{station.serial}/")
    page.evaluate(REFRESH)
    expect(page.locator(".spine .told")).to_contain_text("Send ping: done")
    mark.tap(force=True)
    page.wait_for_url("**/commands/#c-*")
    assert watched.complaints == []


def test_of_two_marks_with_one_address_each_tells_itself_first(browser, processes, person, station):
    now = clock.now()
    for boot, days in ((51, 6), (52, 1)):
        at = now - timedelta(days=days)
        StationFile.objects.create(
            station=station, name=f"{boot}", base=f"a-1614BBBK1911-{boot:06}-{at:%Y-%m-%dT%H-%M-%S}.0000Z-all.txt",
            first_received_at=at, last_received_at=at, start_at=at,
        )  # fmt: skip
    page = Watched(browser, viewport={"width": 390, "height": 844}, has_touch=True).log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/")
    marks = page.locator('.spine a[href$="/events/"]')
    expect(marks).to_have_count(2)
    told = page.locator(".spine .told")
    for mark in marks.all():
        mark.tap(force=True)
        expect(told).to_have_text(mark.locator("title").text_content())
    assert page.url.endswith(f"/stations/{station.serial}/")


def test_a_key_opens_a_mark_and_without_scripts_one_tap_does(browser, processes, person, station):
    page = Watched(browser).log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/")
    page.locator('.spine a[href*="/commands/#c-"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/commands/#c-*")
    plain = Watched(browser, java_script_enabled=False, viewport={"width": 390, "height": 844}, has_touch=True)
    page = plain.log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/?days=30")
    expect(page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    page.locator('.spine a[href*="/commands/#c-"]').tap(force=True)
    page.wait_for_url("**/commands/#c-*")
