"""The first view of each page takes under 50 kB: the page, its style and its pictures, in a browser without scripts."""

import pytest
from browser.every_page import forgotten, visiting, walks_of
from isolation.tenants import tenant_make
from people import station_of

pytestmark = pytest.mark.browser
BUDGET = 50_000


def test_every_page_without_scripts(browser, processes):
    tenant = tenant_make("Alabaster")
    for number in range(40):
        station_of(
            tenant.organization, state="silent" if number < 5 else "on_time", name=f"A place with a name {number}"
        )
    walks = walks_of(tenant)
    assert forgotten(walks) == set()
    heavy = {}
    for walk in walks:
        with visiting(browser, processes, walk.client, java_script_enabled=False) as visitor:
            session = visitor.page.context.new_cdp_session(visitor.page)
            session.send("Network.enable")
            sizes: list[float] = []
            session.on("Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"]))
            for place in walk.places.values():
                sizes.clear()
                session.send("Network.clearBrowserCache")
                visitor.visit(place)
                visitor.page.wait_for_load_state("networkidle")
                # A page and two style sheets at least; otherwise nothing was measured.
                assert len(sizes) >= 3, place
                if sum(sizes) >= BUDGET:
                    heavy[place] = sizes[:]
    assert heavy == {}
