"""Stations in the test's own process: the agent's real publishing link with a feed in memory, and a separate record of
what was sent.
"""

import asyncio
import random
from typing import Any, Self

from faults.oracle import Verdict
from faults.rig import Rig

from message_queue.contracts.readings import SenmlRecord
from station_agent.config import AmqpSettings, LinkSettings
from station_agent.link.network import Network
from station_agent.link.publish import PublishLink
from station_agent.simulator.feed import MemoryFeed
from station_agent.station import LinkState

#: 2023-11-14 22:13:20 UTC.
BEGIN = 1_700_000_000.0
#: Rows per message; their values do not compress, so that the bytes queued are the bytes on the link.
ROWS = 20


class Linked:
    """One station: `put` counts the messages it was given, `feed.confirmed_count` those that the broker confirmed."""

    def __init__(
        self, grant: dict[str, Any], seed: int, *, settings: LinkSettings | None = None, **changes: Any
    ) -> None:
        fields = {name: grant[name] for name in AmqpSettings.__struct_fields__ if name in grant}
        self.serial = grant["serial"]
        self.feed, self.view, self.put_count = MemoryFeed(), LinkState(), 0
        self._random = random.Random(f"{seed}/{self.serial}")
        self.link = PublishLink(
            AmqpSettings(**fields | changes),
            settings or LinkSettings(retry_first=0.2, retry_most=1.0),
            self.feed,
            self.view,
            heartbeat=30,
            name=self.serial,
        )

    def put(self, count: int = 1, rows: int = ROWS) -> None:
        """Queue some messages; each has its own rows in one series, and its number in its time."""
        for _ in range(count):
            self.put_count += 1
            at = BEGIN + self.put_count * rows
            values = [SenmlRecord(n=self.feed.stream, t=at + row, v=self._random.random()) for row in range(rows)]
            self.feed.put("readings", values)
        self.link.wake()

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self.view.connected_since is not None

    @property
    def is_done(self) -> bool:
        """Whether everything is confirmed."""
        return self.feed.waiting == 0


class Links:
    """Runs many stations in one thread while the context lasts."""

    def __init__(self, *stations: Linked, spread_s: float = 0.0) -> None:
        self.stations, self._spread = stations, spread_s
        self._network = Network(*(self._job(station) for station in stations))

    def _job(self, station: Linked) -> Any:
        async def run(stop: asyncio.Event) -> None:
            await asyncio.sleep(random.uniform(0, self._spread))
            await station.link.run(stop)

        return run

    def __enter__(self) -> Self:
        self._network.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._network.stop(10.0)


def judge_links(rig: Rig, stations: tuple[Linked, ...] | list[Linked], verdict: Verdict, rows: int = ROWS) -> Verdict:
    """Once everything is quiet, compare what each station put with the ledger and with the rows."""
    rig.quiesce()
    for station in stations:
        ledger = rig.query(
            "SELECT l.received, l.messages, l.repeats FROM telemetry_streamledger l "
            "JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s AND l.stream = %s",
            station.serial,
            station.feed.stream,
        )
        ranges, messages, repeats = ledger[0] if ledger else ([], 0, 0)
        numbers = {seq for part in ranges for seq in range(part.lower, part.upper)}
        put = set(range(1, station.put_count + 1))
        stored = dict(
            rig.query(
                "SELECT floor((extract(epoch FROM r.occurred_at) - %s) / %s)::int, count(*) FROM telemetry_reading r "
                "JOIN telemetry_series s ON s.id = r.series_id WHERE s.name = %s GROUP BY 1",
                BEGIN,
                rows,
                station.feed.stream,
            )
        )
        verdict.sent += len(put)
        verdict.confirmed += station.feed.confirmed_count
        verdict.repeats += repeats
        # Unconfirmed messages are still in the feed, and nothing is promised for them.
        verdict.lost += len(put - station.feed._rows.keys() - stored.keys())
        verdict.doubled += messages - len(numbers) + sum(max(count - rows, 0) for count in stored.values())
        verdict.unexpected += len((stored.keys() | numbers) - put)
        verdict.unaccounted += len(numbers ^ stored.keys()) + sum(count < rows for count in stored.values())
    return verdict
