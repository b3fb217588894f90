"""The content security policy: only our own files run, nothing inline; pages connect only to site and live process."""

from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from web.live_address import live_origin

HEADER = "Content-Security-Policy"

#: `data:` images are QR codes.
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:{tiles}; connect-src 'self'{live}; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every response that has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, with the policy."""
        response = self.get_response(request)
        if not response.has_header(HEADER):
            try:
                live = live_origin(request)
            except DisallowedHost:
                live = ""
            response.headers[HEADER] = _POLICY.format(live=f" {live}" if live else "", tiles=_tiles_origin())
        return response


@cache
def _tiles_origin() -> str:
    """The source of map tiles, if the administrator has configured any: their origin, or `blob:` for a tile file."""
    if settings.ROOST_TILES_FILE and not settings.ROOST_TILES_URL:
        return " blob:"
    parts = urlsplit(settings.ROOST_TILES_URL)
    # A pattern such as https://{s}.tiles.example.org allows any of its subdomains.
    return f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}" if parts.netloc else ""
