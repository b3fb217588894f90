"""The steps of a newcomer's tutorial, in a browser without scripts; each term it names is on a page on the way."""

import re

import pytest
from playwright.sync_api import Page, expect
from site_processes import ROOT

from fleet.core.models import Mail
from fleet.deployments.models import Deployment
from fleet.stations.joining.claims import claim_open

pytestmark = pytest.mark.browser
TUTORIAL = ROOT / "docs" / "tutorials" / "from-sign-up-to-a-public-place.md"
PASSWORD = "a long password"


class Walker:
    """A phone without scripts; it remembers the text of every page it showed."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seen = ""

    def look(self) -> None:
        self.seen += "\n" + self.page.locator("body").inner_text()

    def go(self, place: str) -> None:
        self.page.goto(place)
        self.look()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.look()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.look()

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).fill(value)


@pytest.fixture
def walker(browser):
    context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    return Walker(context.new_page())


def words_of_tutorial() -> list[str]:
    """Words in italics in the tutorial; "…" in one stands for any name."""
    text = re.sub(r"\s+", " ", TUTORIAL.read_text("utf-8"))
    return [word for word in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text) if word != "italics"]


def test_a_newcomer_publishes_a_place_with_the_words_of_the_tutorial(walker, processes):
    sign_up(walker, processes.site)
    station_bring(walker)
    address = place_publish(walker)
    walker.follow("More")
    walker.press("Log out")
    walker.go(address)
    expect(walker.page.get_by_text("It is somewhere within 5 km of there.")).to_be_visible()
    assert "42.58123" not in walker.page.content()
    walker.follow("All public places")
    expect(walker.page.get_by_role("row").get_by_role("link", name="Long Point")).to_be_visible()
    expect(walker.page.get_by_role("group").get_by_role("link", name="Long Point")).to_be_visible()
    words = words_of_tutorial()
    assert len(words) > 35
    missing = [word for word in words if not re.search(re.escape(word).replace("…", r"\S.*"), walker.seen)]
    assert missing == []


def sign_up(walker: Walker, site: str) -> None:
    walker.go(site)
    walker.follow("Sign up")
    walker.fill("Username", "turnstone")
    walker.fill("Email address", "turnstone@example.org")
    walker.fill("Password", PASSWORD)
    walker.press("Sign up")
    (path,) = re.findall(r"/accounts/confirm/\S+", Mail.objects.get().body)
    walker.go(site + path)
    walker.press("Confirm this address")
    walker.follow("Create an organization")
    walker.fill("Name", "Long Point Observatory")
    walker.press("Create organization")
    walker.fill("Email address", "dunlin@example.org")
    walker.press("Send invitation")
    expect(walker.page.get_by_text("dunlin@example.org is invited")).to_be_visible()


def station_bring(walker: Walker) -> None:
    _newcomer, _secret, code = claim_open(serial="SG-7F5ERPI46977", hardware={"model": "Raspberry Pi 4"})
    walker.follow("Stations")
    walker.follow("Add your first station")
    walker.follow("Claim by code")
    walker.fill("Code", code)
    walker.press("Find the device")
    walker.fill("Name", "Old Cut")
    walker.press("Claim SG-7F5ERPI46977")
    expect(walker.page.get_by_text("is yours. It is now fetching its login.")).to_be_visible()


def place_publish(walker: Walker) -> str:
    walker.follow("More")
    walker.follow("Sites")
    walker.fill("Name", "Long Point")
    walker.fill("Latitude, degrees north", "42.58123")
    walker.fill("Longitude, degrees east", "-80.40456")
    walker.press("Add site")
    walker.follow("Stations")
    walker.follow("Old Cut")
    walker.follow("Places")
    walker.page.get_by_label("Site", exact=True).select_option(label="Long Point")
    walker.press("Deploy Old Cut (SG-7F5ERPI46977) there")
    walker.page.get_by_role("row").get_by_role("link", name="Long Point").click()
    walker.look()
    walker.page.get_by_label("Everyone can see this place").check()
    walker.page.get_by_label("Published position").select_option(label="somewhere in a circle")
    walker.fill("Radius of the circle, km", "5")
    walker.press("Save public information")
    expect(walker.page.get_by_text("The deployment is saved.")).to_be_visible()
    assert Deployment.objects.get().is_public
    found = walker.page.get_by_role("link", name="everybody", exact=True).get_attribute("href")
    return walker.page.url.partition("/deployments/")[0] + str(found)
