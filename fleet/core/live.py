"""Telling open pages that something changed: Redis pub/sub, after commit, best effort."""

import json
import logging
import time
from collections.abc import Iterable, Mapping
from functools import cache

import redis
from django.conf import settings

from fleet.core import clock

CHANNEL_PREFIX = "roost:live:"

_log = logging.getLogger(__name__)


def channel_of(organization_id: int) -> str:
    """The channel that carries an organization's changes."""
    return f"{CHANNEL_PREFIX}{organization_id}"


@cache
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(settings.ROOST_REDIS_URL, socket_timeout=2.0, socket_connect_timeout=2.0)


def live_announce(*, changed: Mapping[int, Iterable[str]]) -> None:
    """Say which stations (serials) of which organizations (ids) changed. Pages poll when this fails."""
    moment, committed_at = clock.now().isoformat(), time.time()
    try:
        pipe = _redis().pipeline(transaction=False)
        for organization_id, serials in changed.items():
            message = {"stations": sorted(serials), "at": moment, "committed_at": committed_at}
            pipe.publish(channel_of(organization_id), json.dumps(message))
        pipe.execute()
    except redis.RedisError as error:
        _log.warning("Open pages were not told of a change: %s", error)
