"""The pages in headless Chromium: with and without scripts, on a desktop and on a phone, live and disconnected."""

import time
from datetime import timedelta

import pytest
from people import station_of
from playwright.sync_api import Page, expect

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.live import live_announce
from fleet.stations.models import StationContact
from fleet.telemetry.models import DetectionCount, Reading, Series

pytestmark = pytest.mark.browser
PASSWORD = "a long password"
BUDGET = 50_000
#: A page refreshes itself once when it connects. After that, only an event brings a change.
REFRESHED_S = 1.1


class Watched:
    """A page in a fresh context, and every error that the browser reported on it."""

    def __init__(self, browser, **options) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def log_in(self, processes, person) -> Page:
        self.page.goto(f"{processes.site}/login/")
        self.page.get_by_label("Username").fill(person.name)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        expect(self.page.get_by_role("heading", name="Stations", exact=True)).to_be_visible()
        return self.page


@pytest.fixture
def station(institute):
    made = station_of(institute, state="on_time", name="Old Cut")
    moment = clock.now()
    series = Series.objects.create(
        station=made, name="temperature", unit="Cel", created_at=moment, last_at=moment, last_value=12.0,
        last_received_at=moment,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(series=series, occurred_at=moment - timedelta(minutes=5 * n), received_at=moment, value=12.0 + n % 5,
                flags=4 if n == 3 else 0)
        for n in range(40)
        if not 10 < n < 20
    )  # fmt: skip
    hour = moment.replace(minute=0, second=0, microsecond=0)
    for back in range(6):
        DetectionCount.objects.create(station=made, hour=hour - timedelta(hours=back), port=1, kind=2, count=5 + back)
    return made


def addresses_of(station) -> list[str]:
    own = f"/stations/{station.serial}/"
    tabs = ("", "data/", "detections/", "deliveries/", "commands/", "events/", "settings/", "commands/send/reboot/")
    return ["/", "/quarantine/", "/stations/add/", *(own + tab for tab in tabs)]


def test_on_a_phone_the_menu_shows_where_one_is(browser, processes, person, station):
    page = Watched(browser, viewport={"width": 390, "height": 844}).log_in(processes, person)
    menu = page.locator("header.site nav ul a")
    assert menu.count() > 4
    for address in [entry.get_attribute("href") for entry in menu.all()]:
        page.goto(processes.site + address)
        box = page.locator("header.site nav ul [aria-current=page]").bounding_box()
        assert 0 <= box["x"] <= 390 - 40 - box["width"], f"{address}: out of sight or in the fading, {box}"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_screen_or_breaks_the_policy(browser, processes, person, station, width, scheme):
    watched = Watched(browser, viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = watched.log_in(processes, person)
    for address in addresses_of(station):
        page.goto(processes.site + address)
        page.wait_for_load_state("load")
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, address
        assert page.locator("h1").count() == 1, address
        unlabelled = page.evaluate(
            "[...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]"
            ".filter(field => !field.labels.length).length"
        )
        assert unlabelled == 0, address
    assert watched.complaints == []


def test_everything_can_be_read_and_done_without_scripts(browser, processes, person, station):
    page = Watched(browser, java_script_enabled=False).log_in(processes, person)
    page.get_by_role("link", name="Old Cut").first.click()
    expect(page.get_by_text("On time: last contact")).to_be_visible()
    page.get_by_role("link", name="Data", exact=True).click()
    expect(page.get_by_role("cell", name="12", exact=True).first).to_be_visible()
    page.get_by_role("link", name="Commands", exact=True).click()
    page.get_by_role("button", name="Send ping").click()
    expect(page.get_by_text("is queued")).to_be_visible()
    expect(page.get_by_role("cell", name="waiting to be sent").first).to_be_visible()
    assert Command.objects.get().name == "ping"
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Befehle", exact=True)).to_be_visible()
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()


def test_a_change_appears_by_itself(browser, processes, person, station, institute):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    expect(page.get_by_text("Need attention")).to_have_count(0)
    StationContact.objects.filter(station=station).update(state="silent")
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_text("Need attention")).to_be_visible()
    page.goto(f"{processes.site}/stations/{station.serial}/commands/")
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    page.get_by_role("button", name="Send ping").click()
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    Command.objects.update(state="succeeded", output="pong from the field")
    time.sleep(REFRESHED_S)
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_role("cell", name="done", exact=True)).to_be_visible()
    page.get_by_text("Output").click()
    expect(page.get_by_text("pong from the field")).to_be_visible()
    # An unfolded part stays unfolded when the page replaces it.
    time.sleep(REFRESHED_S)
    Command.objects.update(output="pong once more")
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_text("pong once more")).to_be_visible()
    assert watched.complaints == []


def test_a_click_hits_even_if_the_page_changes_between_its_two_halves(browser, processes, person, station, institute):
    page = Watched(browser).log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/commands/")
    page.get_by_role("button", name="Send ping").click()
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    Command.objects.update(state="succeeded", output="pong from the field")
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_role("cell", name="done", exact=True)).to_be_visible()
    page.get_by_text("Output").hover()
    page.mouse.down()
    Command.objects.update(output="pong meanwhile")
    live_announce(changed={institute.id: [station.serial]})
    time.sleep(REFRESHED_S)
    page.mouse.up()
    expect(page.get_by_text("pong meanwhile")).to_be_visible()


def test_the_keyboard_keeps_its_place_when_the_page_changes_by_itself(browser, processes, person, station):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    time.sleep(REFRESHED_S)
    page.get_by_role("link", name="Backlog").focus()
    StationContact.objects.filter(station=station).update(state="silent")
    live_announce(changed={station.organization_id: [station.serial]})
    expect(page.get_by_text("Need attention")).to_be_visible()
    expect(page.get_by_role("link", name="Backlog")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?sort=*backlog")
    assert watched.complaints == []


def test_a_page_that_lost_its_live_connection_says_so_and_finds_it_again(browser, processes, person, station):
    page = Watched(browser).log_in(processes, person)
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    processes.stop("live")
    expect(page.get_by_text("The live connection is lost")).to_be_visible()
    # Meanwhile the page polls.
    StationContact.objects.filter(station=station).update(state="silent")
    expect(page.get_by_text("Need attention")).to_be_visible()
    processes.start("live")
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()


def test_a_plot_shows_the_figures_of_its_table(browser, processes, person, station):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    for tab, table in (("data", "readings"), ("detections", "hours")):
        page.goto(f"{processes.site}/stations/{station.serial}/{tab}/")
        expect(page.locator(".chart canvas")).to_be_visible()
        drawn = page.evaluate(
            "(() => { const canvas = document.querySelector('.chart canvas');"
            "const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
            "let some = 0; for (let i = 3; i < dots.length; i += 4) if (dots[i]) some++; return some; })()"
        )
        assert drawn > 500
        assert page.locator(f"#{table} tbody tr").count() >= 6
    page.goto(f"{processes.site}/stations/{station.serial}/data/")
    expect(page.locator(".u-legend")).to_contain_text("not believed")
    expect(page.locator("#readings tr.gap")).to_have_count(1)
    assert watched.complaints == []


def test_the_whole_first_view_stays_under_fifty_kilobytes(browser, processes, person, institute):
    for number in range(50):
        station_of(institute, state="silent" if number < 5 else "on_time", name=f"A place with a name {number}")
    watched = Watched(browser)
    watched.log_in(processes, person)
    # Start with an empty cache, so that everything that the fleet page needs is sent again.
    session = watched.context.new_cdp_session(watched.page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes: dict[str, int] = {}
    names: dict[str, str] = {}
    session.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    watched.page.goto(processes.site + "/", wait_until="load")
    watched.page.wait_for_timeout(500)
    told = {names[number].removeprefix(processes.site): size for number, size in sizes.items() if number in names}
    assert {"/"} < set(told)
    assert sum(told.values()) < BUDGET, told


def test_the_keyboard_alone_reaches_a_station(browser, processes, person, station):
    page = Watched(browser).log_in(processes, person)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Old Cut":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Old Cut")).to_be_visible()
