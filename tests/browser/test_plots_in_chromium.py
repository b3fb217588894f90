"""Plots in headless Chromium: the axis is the chosen period, gaps stay open, and every kind of zoom is kept."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.test_pages_in_chromium import REFRESHED_S, Watched
from people import station_of
from playwright.sync_api import Page, expect
from waiting import PATIENCE_S

from fleet.core import clock
from fleet.core.live import live_announce
from fleet.telemetry.models import Reading, Series

pytestmark = pytest.mark.browser
_DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def station(institute):
    return station_of(institute, state="on_time", name="Old Cut")


def series_of(station, minutes_ago, name="temperature", unit="Cel") -> Series:
    """A series with a reading at each of these ages."""
    moment = clock.now()
    made = Series.objects.create(
        station=station, name=name, unit=unit, created_at=moment, last_at=moment, last_value=12.0,
        last_received_at=moment,
    )  # fmt: skip
    Reading.objects.bulk_create(
        Reading(series=made, occurred_at=at, received_at=at, value=12.0 + n % 5)
        for n, at in enumerate(moment - timedelta(minutes=ago) for ago in minutes_ago)
    )
    return made


#: Keep each plot that is made, so that a test can query it instead of looking at pixels.
KEEP = (
    "let kept; window.plots = []; Object.defineProperty(window, 'uPlot', { get: () => kept, set: (made) => {"
    " kept = class extends made { constructor(...all) { super(...all); window.plot = this; window.plots.push(this); } };"
    " Object.assign(kept, made); } });"
)


@pytest.fixture
def watched(browser, processes, person) -> Watched:
    made = Watched(browser)
    made.page.add_init_script(KEEP)
    made.log_in(processes, person)
    return made


def axis_of(page: Page) -> tuple[float, float]:
    low, high = page.evaluate("[window.plot.scales.x.min, window.plot.scales.x.max]")
    return low, high


def until(page: Page, question: str) -> None:
    """Wait until the expression is true; the site's policy forbids Playwright's own way of waiting."""
    deadline = time.monotonic() + PATIENCE_S
    while not page.evaluate(question):
        assert time.monotonic() < deadline, question
        page.wait_for_timeout(50)


def length_until(page: Page, length: float, slack: float = 60.0) -> None:
    """Wait until the axis has this length."""
    until(page, f"Math.abs(window.plot.scales.x.max - window.plot.scales.x.min - {length}) <= {slack}")


def address_until(page: Page, *, has_period: bool) -> None:
    """Wait until the address has a period, or has none."""
    until(page, f"new URLSearchParams(location.search).has('start') === {str(has_period).lower()}")


def drag(page: Page, begin: float, end: float, over: str = ".u-over") -> None:
    """Drag over a part of the plot, given as fractions of its width."""
    box = page.locator(over).first.bounding_box()
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


def opened(watched, processes, station, query="span=24h") -> Page:
    """The page once the script has drawn its plot and the live connection is open."""
    page = watched.page
    page.goto(f"{processes.site}/stations/{station.serial}/data/?{query}")
    expect(page.locator(".panes canvas").first).to_be_visible()
    expect(page.locator("#readings > svg.plot").first).to_be_hidden()
    return page


def test_one_point_draws_the_axis_of_the_chosen_span_and_not_until_2029(watched, processes, station):
    series_of(station, [30])
    moment = clock.now().timestamp()
    for span, length in (("24h", _DAY), ("7d", 7 * _DAY), ("365d", 365 * _DAY)):
        page = opened(watched, processes, station, f"span={span}")
        low, high = axis_of(page)
        assert abs(low - (moment - length)) < 120
        assert abs(high - moment) < 600
    assert watched.complaints == []


def test_a_point_between_two_gaps_is_seen_and_the_gaps_are_empty(watched, processes, station):
    ages = [*range(0, 60, 5), 400, *range(800, 1200, 5)]
    series_of(station, ages)
    page = opened(watched, processes, station)
    expect(page.locator("#readings-table tr.gap")).to_have_count(2)
    now = clock.now().timestamp()
    assert drawn_between(page, now - 401 * 60 - 240, now - 399 * 60 + 240) > 0
    assert drawn_between(page, now - 780 * 60, now - 420 * 60) == 0
    assert drawn_between(page, now - 380 * 60, now - 80 * 60) == 0
    assert drawn_between(page, now - 1190 * 60, now - 810 * 60) > 200


def test_two_readings_far_apart_are_not_joined_where_the_series_is_hourly(watched, processes, station):
    series_of(station, [10, 20 * 60, *range(40 * 60, 80 * 60, 60)])
    page = opened(watched, processes, station)
    expect(page.locator("#readings-table tr.gap")).to_have_count(1)
    now = clock.now().timestamp()
    assert drawn_between(page, now - 18 * 3600, now - 3600) == 0


def test_a_live_refresh_keeps_the_zoom_and_a_link_or_a_double_click_ends_it(watched, processes, station, institute):
    made = series_of(station, range(0, 1200, 30))
    page = opened(watched, processes, station)
    reset = page.get_by_role("link", name="Whole period")
    expect(reset).to_have_count(0)
    whole = axis_of(page)
    drag(page, 0.4, 0.6)
    length_until(page, (whole[1] - whole[0]) * 0.2, slack=600)
    address_until(page, has_period=True)
    expect(reset).to_be_visible()
    zoomed = axis_of(page)
    # A reading arrives within the zoomed part; the zoom stays, even if the window is resized or the page reopened.
    Reading.objects.create(
        series=made, occurred_at=datetime.fromtimestamp(sum(zoomed) / 2, UTC), received_at=clock.now(), value=99.0
    )
    time.sleep(REFRESHED_S)
    live_announce(changed={institute.id: [station.serial]})
    expect(page.locator("#readings-table").get_by_role("cell", name="99", exact=True)).to_be_visible()
    until(page, "window.plot.data[1].includes(99)")
    assert axis_of(page) == pytest.approx(zoomed, abs=0.01)
    page.set_viewport_size({"width": 900, "height": 700})
    until(page, "window.plot.width < 900")
    assert axis_of(page) == pytest.approx(zoomed, abs=0.01)
    page.reload()
    expect(page.locator(".panes canvas").first).to_be_visible()
    assert axis_of(page) == pytest.approx(zoomed, abs=0.01)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert datetime.fromisoformat(asked["start"]).timestamp() == pytest.approx(zoomed[0], abs=0.01)
    reset.click()
    expect(reset).to_have_count(0)
    length_until(page, whole[1] - whole[0])
    address_until(page, has_period=False)
    drag(page, 0.1, 0.3)
    expect(reset).to_be_visible()
    page.locator(".u-over").first.dblclick()
    expect(reset).to_have_count(0)
    length_until(page, whole[1] - whole[0])
    assert watched.complaints == []


def test_keys_wheel_links_and_the_year_zoom_too(watched, processes, station):
    series_of(station, range(0, 6 * 24 * 60, 30))
    page = opened(watched, processes, station, "span=7d")
    whole = axis_of(page)
    length = whole[1] - whole[0]
    page.locator(".panes").focus()
    page.keyboard.press("+")
    length_until(page, length / 2)
    before = axis_of(page)
    page.keyboard.press("ArrowLeft")
    until(page, f"window.plot.scales.x.min < {before[0] - length / 10}")
    page.keyboard.press("-")
    length_until(page, length)
    page.keyboard.press("0")
    length_until(page, length)
    address_until(page, has_period=False)
    # The wheel scrolls the page until somebody clicks into the plot.
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -200)
    assert axis_of(page)[1] - axis_of(page)[0] == pytest.approx(length, abs=60)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -200)
    until(page, f"window.plot.scales.x.max - window.plot.scales.x.min < {length * 0.9}")
    page.keyboard.press("0")
    length_until(page, length)
    page.get_by_role("link", name="Zoom in").click()
    length_until(page, length / 2)
    address_until(page, has_period=True)
    drag(page, 0.5, 0.6, over="svg.year")
    length_until(page, 36.5 * _DAY, slack=_DAY)
    address_until(page, has_period=True)
    assert watched.complaints == []


def test_two_fingers_zoom_and_one_moves(browser, processes, person, station):
    series_of(station, range(0, 1200, 30))
    watched = Watched(browser, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    watched.page.add_init_script(KEEP)
    watched.log_in(processes, person)
    page = opened(watched, processes, station)
    whole = axis_of(page)
    page.locator(".u-over").first.scroll_into_view_if_needed()
    box = page.locator(".u-over").first.bounding_box()
    session = page.context.new_cdp_session(page)
    middle, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, *xs: float) -> None:
        points = [{"x": x, "y": y, "id": n} for n, x in enumerate(xs)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", middle - 20, middle + 20)
    for step in (30, 40):
        touch("touchMove", middle - step, middle + step)
    touch("touchEnd")
    length_until(page, (whole[1] - whole[0]) / 2, slack=600)
    zoomed = axis_of(page)
    touch("touchStart", middle)
    for step in (20, 40, 60):
        touch("touchMove", middle + step)
    touch("touchEnd")
    until(page, f"window.plot.scales.x.min < {zoomed[0] - 600}")
    length_until(page, zoomed[1] - zoomed[0])
    address_until(page, has_period=True)


def test_panes_share_the_axis_and_the_cursor(watched, processes, station):
    for name, unit in (("battery", "V"), ("panel", "V"), ("air", "Cel"), ("water", "Cel")):
        series_of(station, range(0, 1200, 30), name, unit)
    page = opened(watched, processes, station, "series=battery&series=panel&series=air&series=water")
    expect(page.locator(".panes .uplot")).to_have_count(2)
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 20)
    until(page, "window.plots.every((u) => u.cursor.left > 0)")
    left = page.evaluate("window.plots.map((u) => Math.round(u.cursor.left))")
    assert len(left) == 2
    assert abs(left[0] - left[1]) <= 1
    tip = page.locator(".tip")
    for name in ("battery", "panel", "air", "water"):
        expect(tip).to_contain_text(name)
    page.locator(".u-over").first.hover(position={"x": box["width"] / 2, "y": 20})
    drag(page, 0.2, 0.5)
    address_until(page, has_period=True)
    axes = page.evaluate("window.plots.map((u) => [u.scales.x.min, u.scales.x.max])")
    assert axes[0] == axes[1]
    assert watched.complaints == []


def test_without_scripts_the_server_s_drawing_and_its_links_do_the_same(browser, processes, person, station):
    series_of(station, range(0, 1200, 30))
    watched = Watched(browser, java_script_enabled=False)
    watched.log_in(processes, person)
    page = watched.page
    page.goto(f"{processes.site}/stations/{station.serial}/data/?span=24h")
    drawing = page.get_by_role("img", name="temperature: from 12")
    expect(drawing).to_be_visible()
    assert drawing.locator("path.l1").first.bounding_box()["width"] > 200
    expect(page.get_by_role("button", name="Plot as PNG")).to_be_hidden()
    page.get_by_role("link", name="Zoom in").click()
    assert "start=" in page.url
    expect(page.get_by_role("link", name="Whole period")).to_be_visible()
    with page.expect_download() as file:
        page.get_by_role("link", name="Plot as SVG").click()
    assert file.value.suggested_filename.endswith(".svg")
    page.get_by_role("link", name="Whole period").click()
    assert "start=" not in page.url


def test_the_picture_is_of_what_is_shown(watched, processes, station):
    series_of(station, range(0, 1200, 30))
    page = opened(watched, processes, station)
    with page.expect_download() as file:
        page.get_by_role("button", name="Plot as PNG").click()
    assert Path(file.value.path()).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert watched.complaints == []


def test_the_script_s_plot_takes_the_place_of_the_server_s_and_nothing_moves(watched, processes, station):
    for name, unit in (("battery", "V"), ("panel", "V"), ("air", "Cel")):
        series_of(station, range(0, 1200, 30), name, unit)
    watched.page.add_init_script(
        "window.shifted = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())"
        " if (!one.hadRecentInput) window.shifted += one.value; }).observe({ type: 'layout-shift', buffered: true });"
    )
    page = opened(watched, processes, station, "series=battery&series=panel&series=air")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shifted") < 0.02
