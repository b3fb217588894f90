"""A visit in the field with a phone, without scripts: claim a station, see it connect, read it, find a fault."""

import re
import signal
import subprocess
import sys
import time

import pytest
from browser.test_widths import SMALL, WIDE
from django.conf import settings
from people import station_of
from playwright.sync_api import Page, expect
from site_processes import ROOT
from waiting import PATIENCE_S, until

from fleet.stations.models import StationContact
from workers.consumers.inbound import InboundConsumer

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("no_counters")]

PASSWORD = "a long password"
SERIAL = "SG-7F5ERPI46977"


@pytest.fixture
def phone(browser) -> Page:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, java_script_enabled=False
    )
    return context.new_page()


@pytest.fixture
def ingest(stack):
    """The real consumer, from the broker into the test's database."""
    consumer = InboundConsumer(settings.ROOST_FLEET_BROKER_URL)
    consumer.start()
    yield
    consumer.stop()
    consumer.join(PATIENCE_S)


@pytest.fixture
def agent(processes, tmp_path):
    """Start commands of the station's agent, as somebody types them there."""
    running = []
    environment = {name: value for name, value in processes.environment.items() if not name.startswith("ROOST_")}
    environment |= {
        "STATION_AGENT_CONFIG": str(tmp_path / "station.toml"),
        "STATION_AGENT_STATE_DIR": str(tmp_path / "state"),
        "STATION_AGENT_SENSORGNOME_DIRECTORY": str(tmp_path / "SGdata"),
        "STATION_AGENT_PROFILE": "generous",
        "PYTHONUNBUFFERED": "1",
    }
    (tmp_path / "SGdata").mkdir()

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "station_agent", *words]
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        return running[-1]

    start.data = tmp_path / "SGdata"
    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        process.stdout.close()


def assert_for_a_thumb(page: Page) -> None:
    """Require controls high enough for a thumb, and a page no wider than the phone."""
    assert page.evaluate(SMALL) == [], page.url
    assert page.evaluate(WIDE) == [], page.url


def tap(page: Page, role: str, name: str | re.Pattern[str]) -> None:
    with page.expect_navigation():
        page.get_by_role(role, name=name).first.tap()
    assert_for_a_thumb(page)


def birds_pass(folder) -> None:
    """Write two tags, three times each, as a Sensorgnome does. A tag heard only once may be noise."""
    name = f"sgv2-7F5ERPI46977-003-{time.strftime('%Y-%m-%dT%H-%M-%S', time.gmtime())}.0000Z-ctt.txt"
    lines = [
        f"T{port},{time.time() - ago:.3f},{tag},-71"
        for port, tag, first in ((1, "61556152", 19), (2, "78664c33", 14))
        for ago in (first, first - 5, first - 10)
    ]
    (folder / name).write_text("\n".join([*lines, f"C,{time.time():.3f},2,0", ""]))


def test_a_station_is_claimed_read_and_a_silent_one_understood(processes, ingest, agent, phone, operator, institute):
    operator.user.set_password(PASSWORD)
    operator.user.save()
    silent = station_of(institute, state="silent", name="Old Cut")
    StationContact.objects.filter(station=silent).update(health={"at": time.time() - 18_000, "battery_v": 11.2})

    # At the station: its agent shows a code, and a QR code with this address.
    claim = agent("claim", "--server", processes.site, "--serial", SERIAL)
    address = next(line.split()[-1] for line in claim.stdout if line.startswith("Type it at"))

    # On the phone: the camera opens the address.
    phone.goto(address)
    phone.get_by_label("Username").fill(operator.user.username)
    phone.get_by_label("Password", exact=True).fill(PASSWORD)
    with phone.expect_navigation():
        phone.get_by_role("button", name="Log in", exact=True).tap()
    expect(phone.get_by_role("heading", name=f"{SERIAL} shows this code")).to_be_visible()
    assert_for_a_thumb(phone)
    phone.get_by_label("Name").fill("Rondeau Pier")
    tap(phone, "button", f"Claim {SERIAL}")
    expect(phone.get_by_text("Not heard yet").or_(phone.get_by_text("It has its login"))).to_be_visible()
    assert claim.wait(PATIENCE_S) == 0

    # The agent runs, and the next time the page is opened it is green.
    agent("run")
    until(lambda: StationContact.objects.filter(station__serial=SERIAL, last_contact_at__isnull=False).exists())
    tap(phone, "link", "Look again")
    expect(phone.get_by_role("heading", name=f"Rondeau Pier ({SERIAL}) is connected")).to_be_visible()
    expect(phone.locator("#live.done")).to_contain_text("On time")

    # The station's tags.
    birds_pass(agent.data)
    tap(phone, "link", re.compile("^Open Rondeau Pier"))
    tap(phone, "link", "Detections")

    def tags_are_there() -> bool:
        phone.reload()
        return "61556152" in phone.content() and "78664c33" in phone.content()

    until(tags_are_there)
    assert_for_a_thumb(phone)

    # The silent station, and the reason.
    with phone.expect_navigation():
        phone.locator(".rail").get_by_role("link", name="Stations").tap()
    assert_for_a_thumb(phone)
    tap(phone, "link", "Old Cut")
    expect(
        phone.get_by_text(re.compile(r"Silent since.*battery.*11.2 V", re.IGNORECASE | re.DOTALL)).first
    ).to_be_visible()
