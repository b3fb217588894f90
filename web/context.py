"""What every template knows: the menu and where the live process is."""

from django.conf import settings
from django.http import HttpRequest

from sg_status.menu import MenuEntry
from sg_status.registry import menu_entries
from web.live_address import live_origin


def site(request: HttpRequest) -> dict[str, str | list[MenuEntry]]:
    """Menu and live address for people who are logged in; for others who may sign up."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"live_origin": "", "menu": [], "signup": settings.ROOST_SIGNUP}
    return {"live_origin": live_origin(request), "menu": menu_entries()}
