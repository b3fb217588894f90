"""No page of a station is wider than its window, whatever the station reports; checked in headless Chromium."""

import os
from datetime import timedelta

import pytest
from browser.test_pages_in_chromium import Watched
from people import station_of

from fleet.alerts.models import Incident
from fleet.commands.models import Command
from fleet.core import clock
from fleet.stations.models import StationContact
from fleet.telemetry.models import Series, StationEvent

pytestmark = pytest.mark.browser
LONG = "x" * 180
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
        wide = page.evaluate(
            """() => {
                const room = document.documentElement.clientWidth;
                if (document.documentElement.scrollWidth <= room) return [];
                return [...document.querySelectorAll("main *")]
                    .filter((one) => one.getBoundingClientRect().right > room + 1).slice(0, 6)
                    .map((one) => `${one.localName}.${one.className} ${Math.round(one.getBoundingClientRect().right)}: `
                        + one.textContent.slice(0, 40));
            }"""
        )
        told[place] = wide
        if folder := os.environ.get("ROOST_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{place.strip('/').replace('/', '_')}_{width}.png", full_page=True)
    assert "\n".join(f"{place}: {wide}" for place, wide in told.items() if wide) == ""
