"""One Redis subscription for all open pages: changes arrive by organization and go to those allowed to see them."""

import asyncio
import contextlib
import json
import logging
import math
from dataclasses import dataclass, field

import redis.asyncio
from redis.exceptions import RedisError

from fleet.core.live import CHANNEL_PREFIX

#: Minimum and maximum seconds between two attempts to reach Redis again.
RETRY_LEAST_S, RETRY_MOST_S = 0.5, 10.0
#: Maximum serials in one event; a page that gets more reloads everything anyway.
STATIONS_MOST = 200

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Listener:
    """One open page. Changes collect here until the page's connection takes them as one event."""

    #: None: all organizations.
    organization_ids: frozenset[int] | None
    #: None: any station.
    serial: str | None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stations: set[str] = field(default_factory=set)
    _at: str = ""
    _committed_at: float = math.inf
    _hearing: bool | None = None

    def hear(self, organization_id: int, stations: set[str], at: str, committed_at: float) -> None:
        """Note a change, if it concerns this page."""
        if self.organization_ids is not None and organization_id not in self.organization_ids:
            return
        if self.serial is not None:
            if self.serial not in stations:
                return
            stations = {self.serial}
        self._stations |= stations
        self._at = at
        self._committed_at = min(self._committed_at, committed_at)
        self.wake.set()

    def hearing(self, *, works: bool) -> None:
        """Note that the subscription was lost, or works again."""
        self._hearing = works
        self.wake.set()

    def take(self) -> bytes:
        """All changes noted since the last call, as events; `committed_at` is the time of the oldest change."""
        self.wake.clear()
        events = ""
        if self._hearing is not None:
            events += f"event: {'hearing' if self._hearing else 'deaf'}\ndata: {{}}\n\n"
            self._hearing = None
        if self._stations:
            named = sorted(self._stations)
            told = {
                "stations": named[:STATIONS_MOST],
                "more": max(len(named) - STATIONS_MOST, 0),
                "at": self._at,
                "committed_at": self._committed_at,
            }
            events += f"event: changed\ndata: {json.dumps(told)}\n\n"
            self._stations, self._committed_at = set(), math.inf
        return events.encode()


class Hub:
    """The Redis subscription, and the pages that listen."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._listeners: set[Listener] = set()
        self.is_hearing = False

    def __len__(self) -> int:
        """Number of listening pages."""
        return len(self._listeners)

    def join(self, listener: Listener) -> None:
        """Add a page; it gets events from now on."""
        self._listeners.add(listener)
        if not self.is_hearing:
            listener.hearing(works=False)

    def leave(self, listener: Listener) -> None:
        """Remove a page."""
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Listen until cancelled; reconnect automatically after Redis was away."""
        wait_s = RETRY_LEAST_S
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                if self.is_hearing:
                    _log.warning("Redis is away, open pages poll meanwhile: %s", error)
                    wait_s = RETRY_LEAST_S
                self._announce(works=False)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, RETRY_MOST_S)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url, socket_connect_timeout=5, health_check_interval=10)
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.psubscribe(f"{CHANNEL_PREFIX}*")
            self._announce(works=True)
            while True:
                message = await pubsub.get_message(timeout=5)
                if message is not None:
                    self._dispatch(message["channel"], message["data"])
        finally:
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]
                await client.aclose()

    def _announce(self, *, works: bool) -> None:
        if works == self.is_hearing:
            return
        self.is_hearing = works
        for listener in self._listeners:
            listener.hearing(works=works)
        if works:
            _log.info("Listening for changes")

    def _dispatch(self, channel: bytes, data: bytes) -> None:
        try:
            organization_id = int(channel.decode().removeprefix(CHANNEL_PREFIX))
            message = json.loads(data)
            stations = {str(serial) for serial in message["stations"]}
            at, committed_at = str(message["at"]), float(message["committed_at"])
        except (ValueError, KeyError, TypeError):
            _log.warning("A message on %r could not be read", channel)
            return
        for listener in self._listeners:
            listener.hear(organization_id, stations, at, committed_at)
