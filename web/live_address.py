"""The live process's address for browsers: another port on the same host, or the site's own address."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest


def live_origin(request: HttpRequest) -> str:
    """Scheme, host and port at which this browser reaches the live process; empty if it is the site's own origin."""
    if not settings.ROOST_LIVE_PORT:
        return ""
    host = urlsplit(f"//{request.get_host()}").hostname or "localhost"
    name = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{name}:{settings.ROOST_LIVE_PORT}"
