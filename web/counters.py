"""The cache that counts: in Redis, and in this process for as long as Redis does not answer.

Nothing in it has to survive, but limits are counted here. A Redis that hangs costs one request in five seconds its
timeout; meanwhile each process counts for itself, so that limits hold for it alone instead of for all of them.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

#: Seconds for which Redis may think, and for which nobody asks it after it did not answer.
ANSWER_S, PAUSE_S = 0.25, 5.0
#: Counters of one process while Redis is away.
_LOCAL_MOST = 20_000

_log = logging.getLogger("roost.counters")


class _Gate:
    """Whether Redis is asked. One for the process: Django makes a cache for every request."""

    def __init__(self) -> None:
        self._away_until = 0.0
        self._is_away = False
        self._lock = threading.Lock()

    def may_ask(self) -> bool:
        """While it is away one call in a while asks, and the others do not wait for it."""
        if not self._is_away:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._away_until:
                return False
            self._away_until = now + PAUSE_S
            return True

    def away(self, error: Exception) -> None:
        """It did not answer; said once."""
        with self._lock:
            self._away_until = time.monotonic() + PAUSE_S
            was_there, self._is_away = not self._is_away, True
        if was_there:
            _log.warning("Redis does not answer, limits are counted by each process for itself meanwhile: %s", error)

    def back(self) -> bool:
        """It answered; whether that is news."""
        if not self._is_away:
            return False
        with self._lock:
            self._is_away = False
        _log.info("Redis answers again, limits are counted for all processes together")
        return True


_gates: defaultdict[str, _Gate] = defaultdict(_Gate)


class CounterCache(BaseCache):
    """Redis, and beside it a dictionary that stands in. Which one answers is decided per call."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = {
            "socket_timeout": ANSWER_S,
            "socket_connect_timeout": ANSWER_S,
            # Once: the library would try three times more within a call, and wait in between.
            "retry": Retry(NoBackoff(), 0),
            **params.get("OPTIONS", {}),
        }
        self._redis = RedisCache(server, {**params, "OPTIONS": options})
        self._local = LocMemCache("counters", {**params, "OPTIONS": {"MAX_ENTRIES": _LOCAL_MOST}})
        self._gate = _gates[server]

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set what is not there."""
        return bool(self._asked(lambda cache: cache.add(key, value, timeout, version)))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """What is kept, or the default."""
        return self._asked(lambda cache: cache.get(key, default, version))

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Keep it."""
        self._asked(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep it for longer."""
        return bool(self._asked(lambda cache: cache.touch(key, timeout, version)))

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Forget it."""
        return bool(self._asked(lambda cache: cache.delete(key, version)))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to it; `ValueError` where it is not there."""
        return int(self._asked(lambda cache: cache.incr(key, delta, version)))

    def clear(self) -> None:
        """Forget everything, here and there."""
        self._local.clear()
        self._asked(lambda cache: cache.clear())

    def _asked(self, ask: Callable[[BaseCache], Any]) -> Any:
        if not self._gate.may_ask():
            return ask(self._local)
        try:
            answer = ask(self._redis)
        except (RedisError, OSError) as error:
            self._gate.away(error)
            return ask(self._local)
        if self._gate.back():
            # What was counted here meanwhile is forgotten: the next outage begins from nought.
            self._local.clear()
        return answer
