"""The pages in headless Chromium: with and without scripts, on a desktop and on a phone, live and disconnected."""

import time
from datetime import timedelta

import pytest
from people import station_of
from playwright.sync_api import Page, expect
from waiting import until

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.live import live_announce
from fleet.stations.models import Station, StationContact, Tag
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
        expect(self.page.get_by_role("navigation", name="Main menu")).to_be_visible()
        # Keys and buttons work once the scripts have run, which is before the load event.
        self.page.wait_for_load_state("load")
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


def test_on_a_phone_a_bar_shows_where_one_is_and_the_rest_is_one_tap_away_without_scripts(
    browser, processes, person, station
):
    page = Watched(browser, viewport={"width": 390, "height": 844}, java_script_enabled=False).log_in(processes, person)
    bar = page.get_by_role("navigation", name="Main menu").get_by_role("link")
    addresses = [entry.get_attribute("href") for entry in bar.all() if entry.is_visible()]
    assert 3 <= len(addresses) <= 5
    for address in addresses:
        page.goto(processes.site + address)
        here = page.get_by_role("navigation", name="Main menu").locator("[aria-current=page]").bounding_box()
        assert here["height"] >= 44, address
        assert here["y"] + here["height"] <= 844, address
    expect(page.get_by_role("heading", name="More")).to_be_visible()
    for name in ("Sites", "Held back", "My account"):
        expect(page.locator("main").get_by_role("link", name=name)).to_be_visible()
    page.locator("main").get_by_role("button", name="Deutsch").click()
    page.locator("main").get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()


def test_the_palette_finds_a_station_by_keyboard_and_the_page_does_without_scripts(browser, processes, person, station):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    page.keyboard.press("/")
    expect(page.get_by_label("Station, site, tag or page")).to_be_focused()
    page.keyboard.type("old c")
    expect(page.get_by_role("dialog").get_by_role("link", name="Old Cut")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/stations/{station.serial}/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    # Until the palette has given the focus back, keys go to the palette.
    page.wait_for_function("!document.activeElement.closest('dialog')")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert watched.complaints == []
    plain = Watched(browser, java_script_enabled=False).log_in(processes, person)
    plain.get_by_role("link", name="Search").first.click()
    plain.get_by_label("Station, site, tag or page").first.fill("old c")
    plain.locator("main").get_by_role("button", name="Search").click()
    plain.get_by_role("link", name="Old Cut").click()
    plain.wait_for_url(f"**/stations/{station.serial}/")


def test_the_number_of_open_incidents_stands_in_the_menu_and_the_title_and_follows_the_page(
    browser, processes, person, station, institute
):
    page = Watched(browser).log_in(processes, person)
    expect(page.locator("#live-line")).to_have_text("Live")
    assert not page.title().startswith("(")
    calm = page.locator("#favicon").get_attribute("href")
    moment = clock.now()
    Incident.objects.create(
        organization=institute, station=station, rule="silence", sentence="Silent.", began_at=moment, opened_at=moment
    )
    time.sleep(REFRESHED_S)
    live_announce(changed={institute.id: [station.serial]})
    expect(page.locator("#open-count")).to_contain_text("1")
    assert page.title().startswith("(1) ")
    assert page.locator("#favicon").get_attribute("href") != calm


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
    expect(page.get_by_text("is waiting for Old Cut")).to_be_visible()
    expect(page.get_by_role("cell", name="waiting to be sent").first).to_be_visible()
    assert Command.objects.get().name == "ping"
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Befehl senden", exact=True)).to_be_visible()
    page.get_by_role("button", name="Abmelden").click()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()


def test_a_change_appears_by_itself(browser, processes, person, station, institute):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    expect(page.locator("#live-line")).to_have_text("Live")
    expect(page.get_by_role("heading", name="Your station is fine")).to_be_visible()
    StationContact.objects.filter(station=station).update(state="silent")
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_role("heading", name="Your station needs attention")).to_be_visible()
    page.goto(f"{processes.site}/stations/{station.serial}/commands/")
    expect(page.locator("#live-line")).to_have_text("Live")
    page.get_by_role("button", name="Send ping").click()
    expect(page.locator("#live-line")).to_have_text("Live")
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
    expect(page.locator("#live-line")).to_have_text("Live")
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


def test_ticked_stations_stay_ticked_while_the_list_changes(browser, processes, person, station, institute):
    other = station_of(institute, state="on_time", name="Sable Island")
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    expect(page.locator("#live-line")).to_have_text("Live")
    expect(page.get_by_role("button", name="Export CSV")).to_be_hidden()
    page.get_by_label("Select Old Cut").check()
    time.sleep(REFRESHED_S)
    # The other one is silent now and comes first.
    StationContact.objects.filter(station=other).update(state="silent")
    live_announce(changed={institute.id: [other.serial]})
    expect(page.get_by_role("heading", name="1 of 2 stations needs attention")).to_be_visible()
    expect(page.get_by_label("Select Old Cut")).to_be_checked()
    expect(page.get_by_label("Select Sable Island")).not_to_be_checked()
    expect(page.get_by_text("1 selected")).to_be_visible()
    Station.objects.filter(pk=station.pk).update(name="Older Cut")
    time.sleep(REFRESHED_S)
    page.get_by_label("Select Sable Island").check()
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_label("Select Older Cut")).to_be_checked()
    page.get_by_label("Tag", exact=True).last.fill("coast")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("heading", name="Add tag: done for 2 of 2")).to_be_visible()
    assert Tag.objects.get().stations.count() == 2
    assert watched.complaints == []


def test_stations_are_chosen_and_changed_without_scripts(browser, processes, person, station):
    page = Watched(browser, java_script_enabled=False, viewport={"width": 390, "height": 844}).log_in(processes, person)
    page.get_by_label("Select Old Cut").check()
    page.get_by_label("Tag", exact=True).last.fill("coast")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("heading", name="Add tag: done for 1 of 1")).to_be_visible()
    page.get_by_role("link", name="Back to the stations").click()
    page.locator("#view summary").click()
    page.get_by_role("link", name="Cards").last.click()
    expect(page.get_by_role("heading", name="Old Cut")).to_be_visible()


def test_what_changed_during_a_slow_answer_is_asked_for_at_once(browser, processes, person, station, institute):
    page = Watched(browser).log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/commands/")
    page.get_by_role("button", name="Send ping").click()
    expect(page.locator("#live-line")).to_have_text("Live")
    held: list = []

    def hold_first(route):
        if held or not route.request.headers.get("hx-request"):
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.wait_for_timeout(1_000 * REFRESHED_S)
    page.route("**/commands/", hold_first)
    Command.objects.update(state="succeeded", output="pong before the answer")
    live_announce(changed={institute.id: [station.serial]})
    until(lambda: page.wait_for_timeout(50) or held, "the request for what changed")
    Command.objects.update(output="pong after the answer")
    live_announce(changed={institute.id: [station.serial]})
    page.wait_for_timeout(2_000 * REFRESHED_S)
    route, answer = held[0]
    route.fulfill(response=answer)
    page.get_by_text("Output").click()
    expect(page.get_by_text("pong after the answer")).to_be_visible(timeout=10_000)


def test_the_keyboard_keeps_its_place_when_the_page_changes_by_itself(browser, processes, person, station):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    expect(page.locator("#live-line")).to_have_text("Live")
    time.sleep(REFRESHED_S)
    page.get_by_role("link", name="Backlog").focus()
    StationContact.objects.filter(station=station).update(state="silent")
    live_announce(changed={station.organization_id: [station.serial]})
    expect(page.get_by_role("heading", name="Your station needs attention")).to_be_visible()
    expect(page.get_by_role("link", name="Backlog")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?sort=*backlog")
    assert watched.complaints == []


def test_a_page_that_lost_its_live_connection_says_so_and_finds_it_again(browser, processes, person, station):
    page = Watched(browser).log_in(processes, person)
    expect(page.locator("#live-line")).to_have_text("Live")
    processes.stop("live")
    expect(page.locator("#live-line")).to_contain_text("Live connection lost at")
    # Meanwhile the page polls.
    StationContact.objects.filter(station=station).update(state="silent")
    expect(page.get_by_role("heading", name="Your station needs attention")).to_be_visible()
    processes.start("live")
    expect(page.locator("#live-line")).to_have_text("Live")


def test_a_plot_shows_the_figures_of_its_table(browser, processes, person, station):
    watched = Watched(browser)
    page = watched.log_in(processes, person)
    page.goto(f"{processes.site}/stations/{station.serial}/detections/")
    # All at once, because the page may replace them meanwhile.
    widths = page.evaluate("[...document.querySelectorAll('.spine .heat')].map(e => e.getBoundingClientRect().width)")
    assert widths
    assert min(widths) > 0
    assert page.locator("#hours tbody tr").count() >= 6
    page.goto(f"{processes.site}/stations/{station.serial}/data/")
    expect(page.locator(".panes canvas")).to_be_visible()
    drawn = (
        "(() => { const canvas = document.querySelector('.panes canvas');"
        "const dots = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
        "let some = 0; for (let i = 3; i < dots.length; i += 4) if (dots[i]) some++; return some; })()"
    )
    until(lambda: page.evaluate(drawn) > 500, "a drawn line")
    assert page.locator("#readings-table tbody tr").count() >= 6
    expect(page.get_by_role("row", name="temperature").filter(has_text="1 doubtful")).to_have_count(1)
    expect(page.locator("#readings-table tr.gap")).to_have_count(1)
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
