"""Plots in headless Chromium: the axis is the chosen span, gaps stay open, and a zoom is kept."""

import time
from datetime import timedelta

import pytest
from browser.test_pages_in_chromium import REFRESHED_S, Watched
from people import station_of
from playwright.sync_api import Page, expect
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.core.live import live_announce
from fleet.telemetry.models import DetectionCount, Reading, Series

pytestmark = pytest.mark.browser
_DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def series_of(station, minutes_ago) -> Series:
    """A series with a reading at each of these ages."""
    moment = clock.now()
    made = Series.objects.create(
        station=station, name="temperature", unit="Cel", created_at=moment, last_at=moment, last_value=12.0,
        last_received_at=moment,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(series=made, occurred_at=moment - timedelta(minutes=ago), received_at=moment, value=12.0 + n % 5)
        for n, ago in enumerate(minutes_ago)
    )
    return made


@pytest.fixture
def watched(browser, processes, person) -> Watched:
    made = Watched(browser)
    # Keep each plot that is made, so that the test can query it instead of looking at pixels.
    made.page.add_init_script(
        "let kept; Object.defineProperty(window, 'uPlot', { get: () => kept, set: (made) => {"
        " kept = class extends made { constructor(...all) { super(...all); window.plot = this; } };"
        " Object.assign(kept, made); } });"
    )
    made.log_in(processes, person)
    return made


def axis_of(page: Page) -> tuple[float, float]:
    low, high = page.evaluate("[window.plot.scales.x.min, window.plot.scales.x.max]")
    return low, high


def until(page: Page, question: str) -> None:
    """Wait until the question is true; the site's policy forbids Playwright's own way of waiting."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(question):
        assert time.monotonic() < deadline, question
        page.wait_for_timeout(50)


def zoom(page: Page, begin: float, end: float) -> None:
    """Drag over a part of the plot, given as fractions of its width."""
    box = page.locator(".chart .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * begin, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (begin + end) / 2, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=4)
    page.mouse.up()


def drawn_between(page: Page, begin: float, end: float) -> int:
    """Number of pixels in the line's colour between two moments."""
    return page.evaluate(
        """([begin, end]) => {
            const u = window.plot, canvas = u.ctx.canvas, box = u.bbox;
            const clear = document.createElement("canvas"), pen = clear.getContext("2d");
            pen.fillStyle = u.series[1].stroke(u, 1); pen.fillRect(0, 0, 1, 1);
            const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
            const from = Math.round(u.valToPos(begin, "x", true)), to = Math.round(u.valToPos(end, "x", true));
            const dots = u.ctx.getImageData(from, box.top, Math.max(to - from, 1), box.height).data;
            let some = 0;
            for (let i = 0; i < dots.length; i += 4)
                if (dots[i] === r && dots[i + 1] === g && dots[i + 2] === b) some++;
            return some;
        }""",
        [begin, end],
    )


def test_one_point_draws_the_axis_of_the_chosen_span_and_not_until_2029(watched, processes, station):
    series_of(station, [30])
    moment = clock.now().timestamp()
    for span, length in (("24h", _DAY), ("7d", 7 * _DAY), ("365d", 365 * _DAY)):
        watched.page.goto(f"{processes.site}/stations/{station.serial}/data/?span={span}")
        expect(watched.page.locator(".chart canvas")).to_be_visible()
        low, high = axis_of(watched.page)
        assert abs(low - (moment - length)) < 120
        assert abs(high - moment) < 600
    assert watched.complaints == []


def test_a_point_between_two_gaps_is_seen_and_the_gaps_are_empty(watched, processes, station):
    ages = [*range(0, 60, 5), 400, *range(800, 1200, 5)]
    series_of(station, ages)
    watched.page.goto(f"{processes.site}/stations/{station.serial}/data/?span=24h")
    expect(watched.page.locator("#readings tr.gap")).to_have_count(2)
    now = clock.now().timestamp()
    assert drawn_between(watched.page, now - 401 * 60 - 240, now - 399 * 60 + 240) > 0
    assert drawn_between(watched.page, now - 780 * 60, now - 420 * 60) == 0
    assert drawn_between(watched.page, now - 380 * 60, now - 80 * 60) == 0
    assert drawn_between(watched.page, now - 1190 * 60, now - 810 * 60) > 200


def test_two_readings_far_apart_are_not_joined_where_the_series_is_hourly(watched, processes, station):
    series_of(station, [10, 20 * 60, *range(40 * 60, 80 * 60, 60)])
    watched.page.goto(f"{processes.site}/stations/{station.serial}/data/?span=24h")
    expect(watched.page.locator("#readings tr.gap")).to_have_count(1)
    now = clock.now().timestamp()
    assert drawn_between(watched.page, now - 18 * 3600, now - 3600) == 0


def test_hours_with_detections_are_as_long_as_an_hour_and_hours_without_are_empty(watched, processes, station):
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    for back in (2, 3, 10):
        DetectionCount.objects.create(station=station, hour=hour - timedelta(hours=back), port=1, kind=2, count=5)
    watched.page.goto(f"{processes.site}/stations/{station.serial}/detections/?span=24h")
    expect(watched.page.locator(".chart canvas")).to_be_visible()
    start = hour.timestamp()
    # The last hour, a single hour in the middle, and the gap between them.
    assert drawn_between(watched.page, start - 2 * 3600 + 900, start - 3600 - 900) > 5
    assert drawn_between(watched.page, start - 10 * 3600 + 900, start - 9 * 3600 - 900) > 5
    assert drawn_between(watched.page, start - 9 * 3600 + 900, start - 3 * 3600 - 900) == 0
    assert drawn_between(watched.page, start - 3600 + 900, start) == 0


def test_a_live_refresh_keeps_the_zoom_and_a_button_or_a_double_click_ends_it(watched, processes, station, institute):
    made = series_of(station, range(0, 1200, 30))
    page = watched.page
    page.goto(f"{processes.site}/stations/{station.serial}/data/?span=24h")
    expect(page.get_by_text("Live: this page updates automatically")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    reset = page.get_by_role("button", name="Show the whole period again")
    expect(reset).to_be_hidden()
    whole = axis_of(page)
    zoom(page, 0.4, 0.6)
    expect(reset).to_be_visible()
    zoomed = axis_of(page)
    assert abs(zoomed[1] - zoomed[0] - (whole[1] - whole[0]) * 0.2) < 600
    # A new reading arrives on the live connection; the zoom stays, also when the window is resized.
    moment = clock.now()
    Reading.objects.create(series=made, occurred_at=moment, received_at=moment, value=99.0)
    time.sleep(REFRESHED_S)
    live_announce(changed={institute.id: [station.serial]})
    expect(page.get_by_role("cell", name="99", exact=True)).to_be_visible()
    until(page, "window.plot.data[1].includes(99)")
    assert axis_of(page) == pytest.approx(zoomed)
    page.set_viewport_size({"width": 900, "height": 700})
    until(page, "window.plot.width < 900")
    assert axis_of(page) == pytest.approx(zoomed)
    expect(reset).to_be_visible()
    reset.click()
    expect(reset).to_be_hidden()
    assert axis_of(page)[1] - axis_of(page)[0] == pytest.approx(whole[1] - whole[0], abs=60)
    zoom(page, 0.1, 0.3)
    expect(reset).to_be_visible()
    page.locator(".chart .u-over").dblclick()
    expect(reset).to_be_hidden()
    assert axis_of(page)[1] - axis_of(page)[0] == pytest.approx(whole[1] - whole[0], abs=60)
    assert watched.complaints == []
