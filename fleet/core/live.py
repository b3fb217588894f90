"""Telling open pages that something changed: through Redis pub/sub, after commit, best effort."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet.core import clock

CHANNEL_PREFIX = "roost:live:"

#: How many seconds to leave Redis alone after it did not answer.
PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class _Pause:
    """A period in which Redis is not contacted."""

    def __init__(self) -> None:
        self._until = 0.0

    def begin(self) -> None:
        """Start the pause now."""
        self._until = time.monotonic() + PAUSE_S

    def is_over(self) -> bool:
        """Whether Redis may be contacted again."""
        return time.monotonic() >= self._until


_pause = _Pause()


def channel_of(organization_id: int) -> str:
    """The channel that carries an organization's changes."""
    return f"{CHANNEL_PREFIX}{organization_id}"


@cache
def _redis() -> "redis.Redis":
    # No retries: by default the library tries three more times and waits in between.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.ROOST_REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0, retry=once)


def live_announce(*, changed: Mapping[int, Iterable[str]]) -> None:
    """Tell open pages, once the transaction commits, which stations (serials) of which organizations (ids) changed."""
    transaction.on_commit(partial(live_publish, changed), robust=True)


def live_publish(changed: Mapping[int, Iterable[str]]) -> None:
    """Tell open pages at once, for ingest, which has committed. If this fails, pages poll instead.

    A hanging Redis delays the caller at most once every `PAUSE_S` seconds, not with every batch.
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
        _log.warning("Open pages get no live updates for %.0f s because Redis does not answer: %s", PAUSE_S, error)
