"""Requests per second for a public status page from one real site process, with kept answers and without."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from operations.bench.processes import cpu_seconds
from operations.instance import Instance
from operations.preparation import pages_build
from operations.running import health
from operations.running.process_table import process_programs
from operations.stack import program_launch

#: Stations on the page, and connections that send requests at the same time.
STATIONS: Final = 50
CONNECTIONS: Final = 16
_SLUG: Final = "bench"
_LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_START_S: Final = 60


def status_bench(instance: Instance, *, requests: int) -> list[dict[str, Any]]:
    """One run per kind of request. `per_processor_s` is the rate if the site had a processor to itself."""
    pages_build(instance)
    health.domain_load(instance)
    _fill()
    with _site(instance) as pid:
        port = instance.ports["site"]
        ways = {
            "page, compressed": ("/status/bench/", "Accept-Encoding: gzip\r\n"),
            "page, unchanged": ("/status/bench/", "If-None-Match: {etag}\r\n"),
            "badge": ("/status/bench/badge.svg", ""),
            "digit": ("/status/bench/digit", ""),
            "not kept (404)": ("/status/nobody/", ""),
        }
        return [
            _measure(pid, port, name, path, more, requests if "not kept" not in name else requests // 100)
            for name, (path, more) in ways.items()
        ]


def _measure(pid: int, port: int, name: str, path: str, more: str, requests: int) -> dict[str, Any]:
    first, headers = asyncio.run(_one(port, path, ""))
    etag = re.search(rb"etag: (.*?)\r", headers, re.IGNORECASE)
    more = more.format(etag=etag[1].decode() if etag else "")
    each = max(requests // CONNECTIONS, 1)
    requests = each * CONNECTIONS
    used, began = cpu_seconds({"site": pid})["site"], time.perf_counter()
    octets = asyncio.run(_ask(port, path, more, each))
    took = time.perf_counter() - began
    used = cpu_seconds({"site": pid})["site"] - used
    return {
        "asked": name,
        "status": first,
        "octets": octets,
        "requests": requests,
        "per_s": round(requests / took),
        "per_processor_s": round(requests / max(used, 0.001)),
    }


def _fill() -> None:
    """Make a status page whose stations were heard on most of the past days."""
    from fleet.core import clock  # noqa: PLC0415 - models exist only once Django is loaded
    from fleet.organizations.access import viewer_of_server  # noqa: PLC0415 - as above
    from fleet.organizations.services import organization_create  # noqa: PLC0415 - as above
    from fleet.stations.models import StationDay  # noqa: PLC0415 - as above
    from fleet.stations.services import station_register  # noqa: PLC0415 - as above
    from fleet.status_pages.services import StatusAsked, status_item_add, status_page_save  # noqa: PLC0415 - as above
    from fleet.status_pages.standing import DAYS  # noqa: PLC0415 - as above

    server, today = viewer_of_server("bench"), clock.now().date()
    organization = organization_create(name="Bench", owner=None)
    asked = StatusAsked(slug=_SLUG, title="Bench", is_on=True)
    page = status_page_save(actor=server, organization=organization, asked=asked)
    for number in range(STATIONS):
        station = station_register(actor=server, organization=organization, serial=f"SG-{number:04}RPI4BENCH")
        status_item_add(actor=server, page=page, name=f"Station {number}", station=station)
        StationDay.objects.bulk_create(
            StationDay(station=station, day=today - timedelta(days=ago), heard=(1 << 24) - 1)
            for ago in range(DAYS)
            if ago % (number + 2)
        )


@contextmanager
def _site(instance: Instance) -> Iterator[int]:
    program = next(each for each in process_programs(instance) if each.name == "site")
    process = program_launch(program, logs=instance.paths.logs)
    try:
        deadline = time.monotonic() + _START_S
        while health.http_check(f"http://127.0.0.1:{instance.ports['site']}/healthz"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The site did not start within a minute; its log is in {instance.paths.logs}.")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


async def _ask(port: int, path: str, more: str, each: int) -> int:
    """Send `each` requests over each of `CONNECTIONS` connections; return the bytes of a body."""
    found = await asyncio.gather(*(_line(port, path, more, each) for _ in range(CONNECTIONS)))
    return max(found)


async def _line(port: int, path: str, more: str, requests: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    octets = 0
    for _ in range(requests):
        _status, headers = await _exchange(reader, writer, path, more)
        told = _LENGTH.search(headers)
        octets = int(told[1]) if told else 0
        await reader.readexactly(octets)
    writer.close()
    return octets


async def _one(port: int, path: str, more: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = await _exchange(reader, writer, path, more)
    writer.close()
    return found


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, more: str
) -> tuple[int, bytes]:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    headers = await reader.readuntil(b"\r\n\r\n")
    return int(headers.split(b" ", 2)[1]), headers
