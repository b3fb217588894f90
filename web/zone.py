"""The time zone of a page: the person's own, or UTC if they ask for it. The API and the admin pages always use UTC."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from fleet.core import clock
from fleet.core.zones import UTC_NAME, viewer_zone_name, zone_label, zone_of, zone_words
from fleet.organizations.people import person_timezone_found

#: Session key, set while this browser shows times in UTC.
IN_UTC = "times_in_utc"
#: Cookie with the browser's time zone, set by zone.js. It is only used until the person has a time zone.
COOKIE = "roost_zone"
_ALWAYS_UTC = ("/api/", "/admin/")


@dataclass(frozen=True, slots=True)
class ZoneShown:
    """The time zone of a page, as its frame shows it. `own` is the person's time zone, empty while unknown."""

    name: str
    words: str
    own: str

    @property
    def own_label(self) -> str:
        """The person's time zone as a label."""
        return zone_label(self.own)

    @property
    def is_utc(self) -> bool:
        """Whether the page is in UTC."""
        return self.name == UTC_NAME


class ZoneMiddleware:
    """Answers each request in the caller's time zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request: pages in the caller's time zone, the API and admin pages in UTC."""
        name = "" if request.path.startswith(_ALWAYS_UTC) else _asked(request)
        with timezone.override(zone_of(name) if name else None):
            return self.get_response(request)


def zone_shown(request: HttpRequest) -> ZoneShown:
    """The time zone of the page being rendered."""
    return ZoneShown(viewer_zone_name(), zone_words(clock.now()), _own(request))


def _asked(request: HttpRequest) -> str:
    # Without a session cookie nobody is logged in. Reading the session would add `Vary: Cookie` to every answer.
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return _found(request)
    if not _own(request) and isinstance(request.user, User) and (found := _found(request)):
        found = person_timezone_found(user=request.user, name=found)
        return "" if request.session.get(IN_UTC) else found
    return "" if request.session.get(IN_UTC) else _own(request) or _found(request)


def _own(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return str(getattr(getattr(user, "person", None), "timezone", ""))


def _found(request: HttpRequest) -> str:
    zone = zone_of(unquote(request.COOKIES.get(COOKIE, ""))[:64])
    return zone.key if zone else ""
