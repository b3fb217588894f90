"""The middleware that remembers from which address a request came, for the audit log."""

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest, HttpResponse

from fleet.core.origin import origin_begin

_ADDRESS_MOST = 45


class OriginMiddleware:
    """Around everything else that may change something. Which proxies are believed is said by ROOST_PROXIES."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the origin said."""
        with origin_begin(address=address_of(request)):
            return self.get_response(request)


def address_of(request: HttpRequest) -> str:
    """The network address of whoever asks: the door has put it here, past the proxies that are ours."""
    try:
        return str(ip_address(str(request.META.get("REMOTE_ADDR", ""))))[:_ADDRESS_MOST]
    except ValueError:
        return ""
