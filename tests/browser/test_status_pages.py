"""The public status page in a browser: readable for everybody without scripts, and its small page in foreign frames."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from browser.every_page import visiting
from browser.test_axe import assert_none, axe, complaints_of
from django.test import Client
from people import SERVER, station_of
from playwright.sync_api import expect

from fleet.core import clock
from fleet.core.models import Outage
from fleet.core.pulses import INGEST
from fleet.stations.models import StationDay
from fleet.status_pages.notices import notice_open, notice_update
from fleet.status_pages.services import StatusAsked, status_item_add, status_page_save

__all__ = ["axe"]

pytestmark = pytest.mark.browser


@pytest.fixture
def shown(institute) -> str:
    """Address of a status page with one of everything."""
    asked = StatusAsked(slug="field", title="Field stations", words="Since 1998.\n\nOn the lake.", is_on=True)
    page = status_page_save(actor=SERVER, organization=institute, asked=asked)
    today = clock.now()
    for number, state in enumerate(("on_time", "late", "silent", "never_seen", "on_time")):
        station = station_of(institute, state=state, is_in_maintenance=number == 4)
        status_item_add(actor=SERVER, page=page, name=f"A station with a rather long name {number}", station=station)
        StationDay.objects.bulk_create(
            StationDay(
                station=station,
                day=today.date() - timedelta(days=ago),
                heard=(1 << (24 - (ago % 9) * number % 24)) - 1,
                asleep=(1 << 24) - 1 if ago > 70 else 0,
            )
            for ago in range(80)
            if ago % (number + 5)
        )
    Outage.objects.create(name=INGEST, started_at=today - timedelta(days=31), ended_at=today - timedelta(days=29))
    notice_open(actor=SERVER, page=page, title="Flood at the lake", text="The road is closed.\n\nMore on Monday.")
    over = notice_open(actor=SERVER, page=page, title="Batteries", text="We exchange them.")
    notice_update(actor=SERVER, notice=over, text="All are new.", is_end=True)
    return f"/status/{page.slug}/"


@contextmanager
def elsewhere_framing(address: str) -> Iterator[str]:
    """Serve somebody else's page with this address in a frame; yield its own address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f'<!doctype html><title>Elsewhere</title><iframe title="x" src="{address}"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_page_is_for_everybody_and_its_small_page_for_every_frame(browser, processes, axe, shown):
    with visiting(browser, processes, Client(), reduced_motion="reduce") as visitor:
        assert_none(complaints_of(visitor, [shown, f"{shown}embed/"], axe))
        visitor.visit(shown)
        assert visitor.page.evaluate("document.scripts.length") == 0
        expect(visitor.page.get_by_text("1 of 5 is silent.")).to_be_visible()
        expect(visitor.page.get_by_role("img").first).to_be_visible()
        for rest, is_framed in (("embed/", True), ("", False)):
            with elsewhere_framing(f"{processes.site}{shown}{rest}") as other:
                visitor.page.goto(other)
                words = visitor.page.frame_locator("iframe").get_by_text("1 of 5 is silent.")
                if is_framed:
                    expect(words).to_be_visible()
                else:
                    assert words.count() == 0
