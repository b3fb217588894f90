"""The cache used for counting: in Redis, or in this process while Redis does not answer.

Rate limits are counted here, but nothing has to survive a restart. While Redis hangs, one request every five seconds
waits for the timeout. Meanwhile each process counts on its own, so limits apply per process instead of in total.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

#: Seconds to wait for Redis, and seconds before asking again after it did not answer.
ANSWER_S, PAUSE_S = 0.25, 5.0
#: Maximum counters in one process while Redis is away.
_LOCAL_MOST = 20_000

_log = logging.getLogger("roost.counters")


class _Gate:
    """Decides whether to ask Redis. Shared by the whole process, because Django makes a cache object per request."""

    def __init__(self) -> None:
        self._away_until = 0.0
        self._is_away = False
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        """Whether to ask now: while Redis is away, one call in `PAUSE_S` tries and the others do not wait."""
        if not self._is_away:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                return False
            self._away_until = now + PAUSE_S
            return True

    def away(self, error: Exception) -> None:
        """Note that Redis did not answer; log it once."""
        with self._lock:
            self._away_until = time.monotonic() + PAUSE_S
            was_there, self._is_away = not self._is_away, True
        if was_there:
            _log.warning("Redis does not answer, each process counts limits on its own meanwhile: %s", error)

    def back(self) -> bool:
        """Note that Redis answered; return whether it had been away."""
        if not self._is_away:
            return False
        with self._lock:
            self._is_away = False
        _log.info("Redis answers again, limits are counted across all processes")
        return True


_gates: defaultdict[str, _Gate] = defaultdict(_Gate)


class _KeptClient(RedisCacheClient):
    """Django's client, but keeping its `redis.Redis`: making a new one for every call takes longer than the call."""

    @cached_property
    def _redis(self) -> Redis:
        return super().get_client(write=True)

    def get_client(self, *_key: object, **_use: object) -> Redis:
        """The client shared by all calls and threads; its pool gives each call a connection."""
        return self._redis


#: One client per server. Django makes a cache object per request, and each would open its own connection.
_clients: dict[str, _KeptClient] = {}


class _KeptRedis(RedisCache):
    """Django's cache in Redis, with the client that this process keeps."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._server = server

    @cached_property
    def _cache(self) -> _KeptClient:
        server = self._server
        if server not in _clients:
            _clients[server] = _KeptClient(
                [server],
                socket_timeout=ANSWER_S,
                socket_connect_timeout=ANSWER_S,
                # No retries: the library would try three more times within a call, waiting in between.
                retry=Retry(NoBackoff(), 0),
            )
        return _clients[server]


class CounterCache(BaseCache):
    """Redis, with a local dictionary as fallback, chosen on each call."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis = _KeptRedis(server, params)
        self._local = LocMemCache("counters", {**params, "OPTIONS": {"MAX_ENTRIES": _LOCAL_MOST}})
        self._gate = _gates[server]

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set a missing key."""
        return bool(self._ask(lambda cache: cache.add(key, value, timeout, version)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """The stored value, or the default."""
        return self._ask(lambda cache: cache.get(key, default, version))

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store a value."""
        self._ask(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Extend the lifetime of a key."""
        return bool(self._ask(lambda cache: cache.touch(key, timeout, version)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Delete a key."""
        return bool(self._ask(lambda cache: cache.delete(key, version)))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to a counter; raises `ValueError` if it is missing."""
        return int(self._ask(lambda cache: cache.incr(key, delta, version)))

    def clear(self) -> None:
        """Delete everything, in Redis and locally."""
        self._local.clear()
        self._ask(lambda cache: cache.clear())

    def _ask(self, ask: Callable[[BaseCache], Any]) -> Any:
        if not self._gate.may_ask():
            return ask(self._local)
        try:
            answer = ask(self._redis)
        except (RedisError, OSError) as error:
            self._gate.away(error)
            return ask(self._local)
        if self._gate.back():
            # Drop the local counts: the next outage starts from zero.
            self._local.clear()
        return answer
