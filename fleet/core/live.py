"""Telling open pages that something changed: Redis pub/sub, after commit, best effort."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet.core import clock

CHANNEL_PREFIX = "roost:live:"

#: Seconds for which nobody tells anything after Redis did not answer.
PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class _Pause:
    """The time in which Redis is not asked."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """From now on."""
        self._until = time.monotonic() + PAUSE_S

    def is_over(self) -> bool:
        """Whether it may be asked."""
        return time.monotonic() >= self._until


_pause = _Pause()


def channel_of(organization_id: int) -> str:
    """The channel that carries an organization's changes."""
    return f"{CHANNEL_PREFIX}{organization_id}"


@cache
def _redis() -> "redis.Redis":
    # Once: the library would try three times more, and wait in between.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.ROOST_REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0, retry=once)


def live_announce(*, changed: Mapping[int, Iterable[str]]) -> None:
    """Say which stations (serials) of which organizations (ids) changed. Pages poll when this fails.

    A Redis that hangs holds the caller, ingest, up once in a while and not at each batch.
    """
    if not _pause.is_over():
        return
    moment, committed_at = clock.now().isoformat(), time.time()
    try:
        pipe = _redis().pipeline(transaction=False)
        for organization_id, serials in changed.items():
            message = {"stations": sorted(serials), "at": moment, "committed_at": committed_at}
            pipe.publish(channel_of(organization_id), json.dumps(message))
        pipe.execute()
    except redis.RedisError as error:
        _pause.begin()
        _log.warning("Open pages get no live updates for %.0f s, as Redis does not answer: %s", PAUSE_S, error)
