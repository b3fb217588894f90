"""Middleware that remembers a request's network address for the audit log."""

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse

from fleet.core.requests.origin import origin_begin

_ADDRESS_MOST = 45


class OriginMiddleware:
    """Records the origin of each request, outside all middleware that can change data."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with its origin recorded."""
        with origin_begin(address=address_of(request)):
            return self.get_response(request)


def address_of(request: HttpRequest) -> str:
    """The caller's network address. `Door` has already put it here, if a trusted proxy named it (`ROOST_PROXIES`)."""
    try:
        return str(ip_address(str(request.META.get("REMOTE_ADDR", ""))))[:_ADDRESS_MOST]
    except ValueError:
        return ""
