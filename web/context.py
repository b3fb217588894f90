"""Context for every template: the frame, the live process's address, the time zone, sign-up and map tiles."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from sg_status.shell import Shell
from web.live_address import live_origin
from web.zone import zone_shown


def site(request: HttpRequest) -> dict[str, Any]:
    """Frame and live address for logged-in people; for others who can sign up; time zone and map tiles for all."""
    user = getattr(request, "user", None)
    shared = {
        "zone": zone_shown(request),
        # A pattern such as {s}.tiles.example.org stands for several hosts.
        "tiles_host": urlsplit(settings.ROOST_TILES_URL).netloc.removeprefix("{s}."),
        "tiles_file": bool(settings.ROOST_TILES_FILE) and not settings.ROOST_TILES_URL,
    }
    if user is None or not user.is_authenticated:
        return {**shared, "live_origin": "", "signup": settings.ROOST_SIGNUP}
    return {**shared, "live_origin": live_origin(request), "shell": Shell(request)}
