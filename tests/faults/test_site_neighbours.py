"""Expensive requests by one person, and how long another person's requests wait meanwhile: pictures, bodies, live
pages.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest
from django.test import Client
from faults.oracle import Verdict
from people import key_of, station_of
from PIL import Image
from site_processes import Running, running
from waiting import PATIENCE_S

from sg_status.live.door import PERSONS_MOST

#: Run only with --long, because waits are measured; tests/abuse, tests/files and tests/pages test the limits.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.long,
    pytest.mark.usefixtures("no_counters"),
]

ASKED = 150
#: Seconds that other work on the machine may add.
CHANCE_S = 0.3


@pytest.fixture
def processes(tmp_path) -> Iterator[Running]:
    with running(tmp_path, "site", "live", ROOST_API_RATE="1000000") as made:
        yield made


def p99(ask: Callable[[], int]) -> float:
    """Seconds within which 99 of 100 requests are answered, each with 200."""
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        assert ask() == 200
        took.append(time.monotonic() - began)
    return sorted(took)[int(ASKED * 0.99)]


@contextmanager
def repeated(act: Callable[[], object], threads: int) -> Iterator[list[int]]:
    """Repeat a call in several threads while the context lasts; yield a list with the count."""
    over, done = threading.Event(), [0]

    def go() -> None:
        while not over.is_set():
            with suppress(httpx.HTTPError, OSError):
                act()
            done[0] += 1

    workers = [threading.Thread(target=go, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield done
    finally:
        over.set()
        for worker in workers:
            worker.join(PATIENCE_S)


def told(verdicts, case: str, number: str, before: float, during: float, what: str) -> None:
    note = (
        f"{what} A neighbour's p99 to the API is {before * 1000:.0f} ms without and {during * 1000:.0f} ms beside it."
    )
    verdicts.append(Verdict(case=case, seed=0, number=number, note=note))
    assert during <= max(2 * before, before + CHANCE_S), note


@pytest.fixture
def neighbour(processes, elsewhere) -> Callable[[], int]:
    """A request by somebody from another organization."""
    station_of(elsewhere)
    client = httpx.Client(headers={"Authorization": f"Bearer {key_of(elsewhere)}"}, trust_env=False, timeout=PATIENCE_S)
    return lambda: client.get(f"{processes.site}/api/v1/stations").status_code


def test_pictures_that_are_as_large_as_they_may_be(processes, neighbour, institute, verdicts):
    octets = io.BytesIO()
    Image.new("RGBA", (5_000, 5_000), (3, 4, 5, 9)).save(octets, "PNG")
    station, key = station_of(institute), key_of(institute, write=True)

    def upload() -> None:
        httpx.post(
            f"{processes.site}/api/v1/stations/{station.serial}/photos",
            files={"photo": ("x.png", octets.getvalue(), "image/png")},
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=PATIENCE_S,
        )

    before = p99(neighbour)
    with repeated(upload, 3):
        during = p99(neighbour)
    what = f"Three uploads at a time of a PNG of {octets.tell() // 1000} kB that unpacks to 100 MB."
    told(verdicts, "pictures that unpack to much", "91", before, during, what)


def test_bodies_without_end_before_any_login(processes, neighbour, verdicts):
    head = b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n\r\n"

    def flood() -> None:
        with socket.create_connection(("127.0.0.1", processes.site_port), timeout=PATIENCE_S) as line:
            line.sendall(head)
            for _ in range(400):
                line.sendall(b"x" * 1_000_000)

    before = p99(neighbour)
    with repeated(flood, 2):
        during = p99(neighbour)
    what = "Two strangers send 400 MB to /healthz, again and again; after 8 MB they are cut off."
    told(verdicts, "bodies before any login", "92", before, during, what)


def test_one_person_with_all_the_live_pages_there_may_be(processes, neighbour, viewer, stranger, verdicts):
    def cookies_of(who) -> dict[str, str]:
        client = Client()
        client.force_login(who.user)
        return {"sessionid": client.cookies["sessionid"].value}

    def listen(cookies: dict[str, str]) -> int:
        with (
            httpx.Client(trust_env=False, cookies=cookies, timeout=PATIENCE_S) as client,
            client.stream("GET", f"{processes.live}/live/fleet") as answer,
        ):
            return answer.status_code

    other = cookies_of(stranger)
    before = p99(lambda: listen(other))
    with ExitStack() as pages:
        client = pages.enter_context(httpx.Client(trust_env=False, cookies=cookies_of(viewer), timeout=PATIENCE_S))
        statuses = [
            pages.enter_context(client.stream("GET", f"{processes.live}/live/fleet")).status_code
            for _ in range(PERSONS_MOST + 20)
        ]
        during = p99(lambda: listen(other))
    assert statuses.count(200) == PERSONS_MOST
    what = f"One person opens {len(statuses)} live pages and is given {PERSONS_MOST}; here the neighbour opens one."
    told(verdicts, "one person's live pages", "93", before, during, what)
