"""How many requests one asker may send: counted by key, person or address, and told in every answer.

Headers as the IETF drafts them (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy: "asker";q=1200;w=60` and
`RateLimit: "asker";r=1187;t=42`. Wrong keys are counted by address, so that guessing is slow from anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from rest_api.requests import asker_of, is_api, source_of

if TYPE_CHECKING:
    # The library imports this module while it makes that class.
    from rest_framework.views import APIView

#: Seconds of one window.
WINDOW_S = 60
_LEFT = "roost_limit_left"


class AskerThrottle(BaseThrottle):
    """So many requests a minute from one key, one person, or one address without either."""

    def allow_request(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the library's signature
        """Count it; refuse what is over."""
        plain = request._request  # noqa: SLF001 - the library has no other name for it
        most = settings.ROOST_API_RATE
        count = _count(f"asker:{asker_of(plain) or source_of(plain)}")
        setattr(plain, _LEFT, max(most - count, 0))
        return count <= most

    def wait(self) -> float:
        """Seconds until the next window."""
        return _left_s()


class RateLimitHeaders:
    """Tells in every answer of the API what is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the two headers where the request was counted."""
        response = self.get_response(request)
        left = getattr(request, _LEFT, None)
        if is_api(request) and left is not None:
            response.headers["RateLimit-Policy"] = f'"asker";q={settings.ROOST_API_RATE};w={WINDOW_S}'
            response.headers["RateLimit"] = f'"asker";r={left};t={_left_s():.0f}'
        return response


def guess_count(request: HttpRequest) -> None:
    """A key was wrong. Raises `Throttled` when its address has sent too many of them."""
    if _count(f"guess:{source_of(request)}") > settings.ROOST_API_WRONG_KEYS:
        raise Throttled(wait=_left_s())


def _count(who: str) -> int:
    name = _name(who)
    cache.add(name, 0, WINDOW_S * 2)
    try:
        return int(cache.incr(name))
    except ValueError:
        # It ran out between the two: a new window.
        cache.set(name, 1, WINDOW_S * 2)
        return 1


def _name(who: str) -> str:
    return f"limit:{who}:{int(time.time()) // WINDOW_S}"


def _left_s() -> float:
    return WINDOW_S - time.time() % WINDOW_S
