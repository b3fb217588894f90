"""No page is wider than its window, whatever people and stations write, in any language; checked in headless Chromium."""

import os
from datetime import timedelta

import pytest
from browser.every_page import visiting, walks_of
from browser.test_pages_in_chromium import Watched
from django.conf import settings
from isolation.tenants import tenant_make
from people import station_of

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.deployments.models import Deployment, Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station, StationContact, StationModel, Tag
from fleet.telemetry.models import DetectionCount, Reading, Series, StationEvent

pytestmark = pytest.mark.browser
LONG = "x" * 180
#: Elements that are wider than the window.
WIDE = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll("main *")]
        .filter((one) => one.getBoundingClientRect().right > room + 1).slice(0, 6)
        .map((one) => `${one.localName}.${one.className} ${Math.round(one.getBoundingClientRect().right)}: `
            + one.textContent.slice(0, 40));
}"""
#: Controls that a thumb would miss. Links in running text may be as small as the text.
SMALL = """() => [...document.querySelectorAll(
        "button, summary, select, textarea, [role=button], .btn, nav a, input:not([type=hidden], [type=checkbox], [type=radio])")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.5 && !one.closest("p, .crumb, td, .map"))
    .map((one) => `${one.localName}.${one.className} ${Math.round(one.getBoundingClientRect().height)}: `
        + one.textContent.trim().slice(0, 30))"""
#: Times in cells that are broken within a word: they have more lines than words.
TORN = """() => [...document.querySelectorAll("td time")]
    .filter((one) => one.getClientRects().length > one.textContent.trim().split(/\\s+/).length).slice(0, 3)
    .map((one) => `${one.textContent} is torn`)"""
PATH = "/data/sgdata/2026-11-28/" + "-".join(["all", "ports", "b110rpi4aaaa"] * 9) + ".txt.gz"


@pytest.fixture
def talkative(institute):
    """A station whose every word is long and cannot be broken."""
    made = station_of(institute, state="on_time", name="W" * 110)
    moment = clock.now()
    health = {
        "at": moment.timestamp(), "battery_v": 12.3, "gps_state": LONG, "warnings": [LONG, PATH],
        "clock": {"code": "P", "source": LONG}, "radios": [{"port": 1, "type": LONG, "state": "error", "message": PATH}],
    }  # fmt: skip
    StationContact.objects.filter(station=made).update(
        health=health, health_occurred_at=moment, health_received_at=moment, clock_offset_s=4_000.0,
        hello={"agent_version": LONG, "hardware": {"model": LONG}, "profile": LONG},
    )  # fmt: skip
    for line, (name, data) in enumerate(
        [
            ("unparsed", {"file": PATH, "line": "1,2,3," * 60}),
            ("e" * 120, {LONG: LONG}),
            ("nested", {"a": {"b": {"c": [LONG, LONG]}}}),
        ]
    ):
        StationEvent.objects.create(
            station=made, occurred_at=moment - timedelta(hours=line), received_at=moment, name=name, line=line,
            port=None, data=data, flags=7,
        )  # fmt: skip
    Series.objects.create(
        station=made, name="s" * 128, unit="u" * 32, created_at=moment, last_at=moment, last_value=1.0,
        last_received_at=moment,
    )  # fmt: skip
    Incident.objects.create(
        organization=institute, station=made, rule="quarantine_growth", sentence=LONG, began_at=moment,
        opened_at=moment,
    )  # fmt: skip
    Command.objects.create(
        station=made, name="run_diagnostics", state="failed", issued_at=moment, expires_at=moment, output=LONG,
        note=PATH,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_a_station_with_long_words_are_no_wider_than_the_window(
    browser, processes, person, talkative, width
):
    page = Watched(browser, viewport={"width": width, "height": 844}).log_in(processes, person)
    tabs = ("", "data/", "detections/", "deliveries/", "commands/", "events/", "hardware/", "settings/", "notes/")
    told: dict[str, list[str]] = {}
    for place in ("/", "/incidents/", *(f"/stations/{talkative.serial}/{tab}" for tab in tabs)):
        page.goto(processes.site + place)
        page.wait_for_load_state("load")
        told[place] = page.evaluate(WIDE)
        if folder := os.environ.get("ROOST_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{place.strip('/').replace('/', '_')}_{width}.png", full_page=True)
    assert "\n".join(f"{place}: {wide}" for place, wide in told.items() if wide) == ""


def awkward(tenant) -> None:
    """Give rows the longest allowed names, which cannot be broken, and figures that are zero or a thousand million."""
    station = tenant.stations[0]
    Organization.objects.filter(pk=tenant.organization.pk).update(name="O" * 110)
    Station.objects.filter(pk=station.pk).update(name="W" * 120)
    Site.objects.filter(organization=tenant.organization).update(name="M" * 120, city="C" * 110, notes=LONG)
    Tag.objects.filter(organization=tenant.organization).update(name="T" * 40)
    StationModel.objects.filter(organization=tenant.organization).update(name="D" * 60)
    Deployment.objects.filter(station=station).update(description=LONG)
    Incident.objects.filter(station=station).update(sentence=LONG)
    Command.objects.filter(station=station).update(note=LONG, output=LONG)
    StationContact.objects.filter(station=station).update(backlog_messages=10**9, backlog_bytes=10**15)
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    # Add a second line to the plot, so that the table below it has one more column.
    first = Series.objects.filter(station=station, last_at__isnull=False).earliest("pk")
    moment = first.last_at
    second = Series.objects.create(
        station=station, name="board_temperature_of_the_receiver", unit="Cel", created_at=moment, last_at=moment,
        last_value=1.0, last_received_at=moment,
    )  # fmt: skip
    Reading.objects.create(series=second, occurred_at=moment, received_at=moment, value=12_345.678)
    DetectionCount.objects.create(station=station, hour=hour, port=99, kind=2, count=10**9)
    DetectionCount.objects.create(station=station, hour=hour, port=98, kind=1, count=0)


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE])
def test_every_page_with_awkward_data_fits_its_window_and_a_thumb(browser, processes, language):
    """Translated texts are the longer ones; English pages are measured in `test_axe.py`."""
    tenant = tenant_make("Alabaster")
    walks = walks_of(tenant)
    awkward(tenant)
    told = []
    for walk in walks[:2]:
        with visiting(browser, processes, walk.client, viewport={"width": 390, "height": 844}) as visitor:
            cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": processes.site}
            visitor.page.context.add_cookies([cookie])
            for place in walk.places.values():
                visitor.page.set_viewport_size({"width": 390, "height": 844})
                visitor.visit(place)
                told += [f"{place} small: {each}" for each in visitor.page.evaluate(SMALL)]
                told += [f"{place}: {each}" for each in visitor.page.evaluate(TORN)]
                for width in (390, 700, 1280):
                    visitor.page.set_viewport_size({"width": width, "height": 844})
                    told += [f"{place} at {width}: {each}" for each in visitor.page.evaluate(WIDE)]
    if told:
        pytest.fail("\n".join(told), pytrace=False)
