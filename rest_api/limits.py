"""Rate limits per API key, person or network, and the headers that report them in every response.

The headers follow draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "asker";q=1200;w=60` and
`RateLimit: "asker";r=1187;t=42`. Wrong keys are counted per network, which slows down guessing.
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

from fleet.organizations.models import ApiKey
from fleet.stations.models import Credential
from rest_api.requests import is_api, is_private, source_of

if TYPE_CHECKING:
    # Django REST framework imports this module before it has defined that class.
    from rest_framework.views import APIView

#: Length of one counting window in seconds.
WINDOW_S = 60
#: Refused requests of a caller after which its uploads are refused for the rest of the window.
REFUSALS_MOST = 60
_LEFT = "roost_limit_left"


class AskerThrottle(BaseThrottle):
    """Limits requests per minute for each key, each person, or each network without a login."""

    def allow_request(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the library's signature
        """Count the request; False if it exceeds the limit."""
        # Authentication has already run, so different spellings of the header share one counter.
        return asker_count(request._request, asker_of(request))  # noqa: SLF001 - the library has no other name for it

    def wait(self) -> float:
        """Seconds until the next window starts."""
        return _left_s()


class RefusalThrottle(BaseThrottle):
    """Refuses a caller's uploads for the rest of a minute in which too many of them were refused already."""

    def allow_request(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - the library's signature
        """False if the limit is reached. Does not count; `refusal_count` does."""
        return int(cache.get(_name(f"refused:{asker_of(request)}")) or 0) < REFUSALS_MOST

    def wait(self) -> float:
        """Seconds until the next window starts."""
        return _left_s()


class RateLimitHeaders:
    """Middleware that reports the remaining requests in every API response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; add the two headers if it was counted."""
        response = self.get_response(request)
        left = getattr(request, _LEFT, None)
        if is_private(request):
            # Caches on the way must not store private answers.
            response.headers.setdefault("Cache-Control", "no-store")
        if is_api(request) and left is not None:
            response.headers["RateLimit-Policy"] = f'"asker";q={settings.ROOST_API_RATE};w={WINDOW_S}'
            response.headers["RateLimit"] = f'"asker";r={left};t={_left_s():.0f}'
        return response


def asker_count(request: HttpRequest, asker: str, *, requests: int = 1) -> bool:
    """Count requests for this key or person, or for its network if `asker` is empty; False if it was at the limit."""
    most = settings.ROOST_API_RATE
    count = _count(f"asker:{asker or source_of(request)}", requests)
    setattr(request, _LEFT, max(most - count, 0))
    return count - requests < most


def asker_left(request: Request) -> None:
    """Make the answer report how many requests are left, without counting this one."""
    asker_count(request._request, asker_of(request), requests=0)  # noqa: SLF001 - the library has no other name for it


def asker_charge(request: Request, requests: int) -> None:
    """Count `number` more requests for this caller. Raises `Throttled` if the limit was already reached."""
    if requests and not asker_count(request._request, asker_of(request), requests=requests):  # noqa: SLF001 - no other name
        raise Throttled(wait=_left_s())


def refusal_count(request: Request) -> None:
    """Count a refused request of this caller, for `RefusalThrottle`."""
    _count(f"refused:{asker_of(request)}")


def window_left_s() -> float:
    """Seconds until the next window starts."""
    return _left_s()


def asker_of(request: Request) -> str:
    """Counter name of the caller, or empty without a login. All personal keys of a person share one counter."""
    if isinstance(request.auth, Credential):
        return f"station:{request.auth.station_id}"
    if isinstance(request.auth, ApiKey):
        person_id = request.auth.person_id
        return f"key:{request.auth.prefix}" if person_id is None else f"person:{person_id}"
    return f"person:{request.user.pk}" if request.user.is_authenticated else ""


def guess_count(request: HttpRequest) -> None:
    """Count a wrong key. Raises `Throttled` when its network has sent too many of them."""
    if _count(f"guess:{source_of(request)}") > settings.ROOST_API_WRONG_KEYS:
        raise Throttled(wait=_left_s())


def _count(who: str, number: int = 1) -> int:
    name = _name(who)
    cache.add(name, 0, WINDOW_S * 2)
    try:
        return int(cache.incr(name, number))
    except ValueError:
        # The counter expired between the two calls: start a new one.
        cache.set(name, number, WINDOW_S * 2)
        return number


def _name(who: str) -> str:
    return f"limit:{who}:{int(time.time()) // WINDOW_S}"


def _left_s() -> float:
    return WINDOW_S - time.time() % WINDOW_S
