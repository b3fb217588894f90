"""Middleware that remembers a request's network address for the audit log."""

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse

from fleet.core.requests.origin import origin_begin

_ADDRESS_MOST = 45


class OriginMiddleware:
    """Wraps everything that can change something. ROOST_PROXIES says which proxies are trusted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with its origin recorded."""
        with origin_begin(address=address_of(request)):
            return self.get_response(request)


def address_of(request: HttpRequest) -> str:
    """The caller's network address; the door has already put it here, past our own proxies."""
    try:
        return str(ip_address(str(request.META.get("REMOTE_ADDR", ""))))[:_ADDRESS_MOST]
    except ValueError:
        return ""
