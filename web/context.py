"""Context for every template: the menu, the live process's address, sign-up and map tiles."""

from django.conf import settings
from django.http import HttpRequest

from sg_status.menu import MenuEntry
from sg_status.registry import menu_entries
from web.live_address import live_origin


def site(request: HttpRequest) -> dict[str, str | list[MenuEntry]]:
    """Menu and live address for logged-in people; for others who can sign up; the map tile URL for all."""
    user, tiles = getattr(request, "user", None), settings.ROOST_TILES_URL
    if user is None or not user.is_authenticated:
        return {"live_origin": "", "menu": [], "signup": settings.ROOST_SIGNUP, "tiles_url": tiles}
    return {"live_origin": live_origin(request), "menu": menu_entries(), "tiles_url": tiles}
