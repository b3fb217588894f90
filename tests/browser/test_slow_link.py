"""The fleet and a station over a field's link: a phone at a quarter of its speed, 400 kbit/s, 400 ms to the server."""

import pytest
from browser.every_page import visiting
from django.contrib.auth.models import User

from operations.bench.load.pages_fill import Size, fleet_fill

pytestmark = [pytest.mark.browser, pytest.mark.long]

LATENCY_MS, BYTES_PER_S, SLOWER = 400, 50_000, 4
#: By when the window is painted if the browser has cached the style sheet, and how far the layout may shift.
PAINTED_MS, SHIFT_MOST = 1_000, 0.02
#: The very first visit also waits for the sheet: one more round trip to the server.
FIRST_PAINTED_MS = 2_000
WATCH = """
window.seen = {painted: 0, shift: 0};
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.seen.painted = one.startTime; })
    .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.seen.shift += one.value; })
    .observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def fleet() -> tuple[User, list[str]]:
    """An administrator, who sees all organizations with their 5,000 stations."""
    serials = fleet_fill(Size(stations=5_000, organizations=20, deployments=10_000, readings=100_000))
    return User.objects.create_superuser("administrator", "", "a long password"), serials


def test_the_first_view_is_there_within_a_second_and_does_not_jump(browser, processes, fleet):
    administrator, serials = fleet
    told = {}
    with visiting(browser, processes, administrator, viewport={"width": 390, "height": 844}) as visitor:
        visitor.page.add_init_script(WATCH)
        session = visitor.page.context.new_cdp_session(visitor.page)
        session.send("Network.enable")
        for name, place in (("fleet", "/"), ("station", f"/stations/{serials[0]}/")):
            # The server's own caches are warm, as they are in the field.
            visitor.visit(place)
            session.send("Network.clearBrowserCache")
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            session.send(
                "Network.emulateNetworkConditions",
                {
                    "offline": False, "latency": LATENCY_MS, "downloadThroughput": BYTES_PER_S,
                    "uploadThroughput": BYTES_PER_S,
                },
            )  # fmt: skip
            for visit in ("first", "next"):
                visitor.visit(place)
                visitor.page.wait_for_function("window.seen.painted > 0")
                # The refresh that follows the live connection must not move anything either.
                visitor.page.wait_for_timeout(3_000)
                told[name, visit] = visitor.page.evaluate("window.seen")
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            session.send(
                "Network.emulateNetworkConditions",
                {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
            )
    print(told)
    late = {
        key: seen
        for key, seen in told.items()
        if seen["painted"] > (FIRST_PAINTED_MS if key[1] == "first" else PAINTED_MS)
    }
    assert late == {}, told
    assert {key: seen for key, seen in told.items() if seen["shift"] > SHIFT_MOST} == {}, told
