"""The cost of a page with a large fleet: queries, server time, and the size of a first view on the wire."""

from __future__ import annotations

import gzip
import itertools
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.instance import Instance
from operations.preparation import ADMIN, pages_build
from operations.running import health
from operations.services.postgres import DATABASE

if TYPE_CHECKING:
    from django.test import Client

#: Pages by name: the URL for one of the fleet's serials.
PAGES: dict[str, Callable[[str], str]] = {
    "fleet": lambda _serial: "/",
    "fleet, searched": lambda serial: f"/?q={serial[-3:]}",
    "fleet, its last page": lambda _serial: "/?page=9999",
    "wall": lambda _serial: "/wall/",
    "completeness": lambda _serial: "/completeness/",
    "station": lambda serial: f"/stations/{serial}/",
    "station, data": lambda serial: f"/stations/{serial}/data/",
    "station, detections": lambda serial: f"/stations/{serial}/detections/",
    "detections": lambda _serial: "/detections/",
    "station, deliveries": lambda serial: f"/stations/{serial}/deliveries/",
    "station, deployments": lambda serial: f"/stations/{serial}/deployments/",
    "sites": lambda _serial: "/sites/",
    "public deployments": lambda _serial: "/public/deployments/",
    "API: stations": lambda _serial: "/api/v1/stations",
    "API: stations, searched": lambda serial: f"/api/v1/stations?search={serial[-3:]}",
    "API: station": lambda serial: f"/api/v1/stations/{serial}",
}
#: Warm-up requests, which are not counted.
WARMING = 3
_STYLES = re.compile(
    r'<link[^>]*rel="stylesheet"[^>]*href="/static/([^"]+)"|<link[^>]*href="/static/([^"]+)"[^>]*rel="stylesheet"'
)


def pages_bench(
    instance: Instance, *, stations: int, organizations: int, deployments: int, readings: int, requests: int
) -> list[dict[str, Any]]:
    """One run per page, requested by the administrator, who sees every organization; then those of `year_bench`."""
    pages_build(instance)
    health.domain_load(instance)
    from django.contrib.auth.models import User  # noqa: PLC0415 - models exist only once Django is loaded
    from django.test import Client  # noqa: PLC0415 - as above

    from operations.bench.load.pages_fill import Size, fleet_fill  # noqa: PLC0415 - as above
    from operations.bench.year import year_bench  # noqa: PLC0415 - as above
    from web.asgi import settle  # noqa: PLC0415 - as above

    serials = fleet_fill(Size(stations, organizations, deployments, readings))
    with instance.postgres.connect(DATABASE) as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
        # Otherwise the first page competes for the disk with data still being written by the fill.
        connection.execute("CHECKPOINT")
    settle()
    client = Client(headers={"host": "localhost", "accept-encoding": "gzip"})
    client.force_login(User.objects.get(username=ADMIN))
    runs = [
        page_measure(client, name, address, serials, requests=requests, static=instance.paths.static)
        for name, address in PAGES.items()
    ]

    def measure(name: str, address: str) -> dict[str, Any]:
        return page_measure(client, name, lambda _serial: address, serials[:1], requests=requests)

    return [*({**run, "of_a_day": ""} for run in runs), *year_bench(serials[0], measure)]


def page_measure(
    client: Client,
    name: str,
    address: Callable[[str], str],
    serials: Sequence[str],
    *,
    requests: int,
    static: Path | None = None,
) -> dict[str, Any]:
    """Request a page repeatedly, for one station after another."""
    from django.db import connection  # noqa: PLC0415 - settings exist only once Django is loaded
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415 - as above

    turns = itertools.cycle(serials[:: max(len(serials) // 50, 1)])
    took, queries, heaviest = [], 0, 0.0
    for number in range(requests + WARMING):
        where = address(next(turns))
        began = time.perf_counter()
        if number < WARMING:
            with CaptureQueriesContext(connection) as asked:
                answer = client.get(where)
            queries = max(queries, len(asked.captured_queries))
        else:
            answer = client.get(where)
            took.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise RuntimeError(f"{where} answered {answer.status_code}: {answer.content[:200]!r}.")
        heaviest = max(heaviest, len(answer.content) + _styles_weight(answer.content, static))
    took.sort()
    return {
        "page": name,
        "queries": queries,
        "p95_ms": round(took[max(int(len(took) * 0.95) - 1, 0)] * 1_000, 1),
        "median_ms": round(took[len(took) // 2] * 1_000, 1),
        "kilobytes": round(heaviest / 1_000, 1),
    }


def _styles_weight(content: bytes, static: Path | None) -> int:
    """Bytes of a page's style sheets, as sent over the wire."""
    if static is None:
        return 0
    text = gzip.decompress(content).decode() if content.startswith(b"\x1f\x8b") else content.decode()
    names = {one or other for one, other in _STYLES.findall(text)}
    return sum((static / f"{name}.gz").stat().st_size for name in names)
