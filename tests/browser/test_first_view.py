"""The first view of each page takes under 50 kB: the page, its style and its pictures, in a browser without scripts."""

import pytest
from browser.every_page import forgotten, visiting, walks_of
from isolation.tenants import tenant_make
from people import station_of
from waiting import until

pytestmark = pytest.mark.browser
BUDGET = 50_000


class Parts:
    """The parts that a window loads for a page, without anything cached from the page before."""

    def __init__(self, visitor) -> None:
        self._visitor, self._asked, self._sizes = visitor, set(), []
        self._session = visitor.page.context.new_cdp_session(visitor.page)
        self._session.send("Network.enable")
        self._session.on("Network.requestWillBeSent", lambda event: self._asked.add(event["requestId"]))
        self._session.on("Network.loadingFailed", lambda event: self._asked.discard(event["requestId"]))
        self._session.on("Network.loadingFinished", self._finish)

    def _finish(self, event):
        self._asked.discard(event["requestId"])
        self._sizes.append(event["encodedDataLength"])

    def sizes_of(self, place) -> list[float]:
        """Open the page; return the compressed size of each of its parts, in bytes."""
        self._asked.clear()
        self._sizes.clear()
        self._session.send("Network.clearBrowserCache")
        self._visitor.visit(place)
        # Events of the last parts arrive while these answers are awaited.
        until(lambda: self._visitor.page.evaluate("1") and not self._asked, f"all parts of {place}", every=0.01)
        return self._sizes[:]


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
            parts = Parts(visitor)
            for place in walk.places.values():
                sizes = parts.sizes_of(place)
                # The page, its style sheet and its icons at least; otherwise nothing was measured.
                assert len(sizes) >= 3, place
                if sum(sizes) >= BUDGET:
                    heavy[place] = sizes
    assert heavy == {}
