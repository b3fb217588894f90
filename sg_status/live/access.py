"""Access to the live process: the session's person, and only pages of our own site."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.http.request import validate_host

from fleet.core.errors import NotFound
from fleet.organizations.access import viewer_of_user
from fleet.stations.selectors import station_get

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class LiveScope:
    """The person behind a connection, and the events that it receives: of these organizations, or of one station."""

    person_id: int
    organization_ids: frozenset[int]
    serial: str | None


def host_allowed(host: str) -> bool:
    """Whether the Host header names this site."""
    name = urlsplit(f"//{host}").hostname or ""
    return validate_host(f"[{name}]" if ":" in name else name, settings.ALLOWED_HOSTS)


def origin_allowed(origin: str, host: str) -> bool:
    """Whether the requesting page is on this site: at the site's address, or at the Host's name and the site's port."""
    asking, site = urlsplit(origin), urlsplit(settings.SITE_URL)
    if asking.scheme != site.scheme or _port(asking) != _port(site):
        return False
    return asking.hostname in {site.hostname, urlsplit(f"//{host}").hostname}


def session_of(cookies: str) -> str:
    """The session key from a request's cookies; no other cookie matters."""
    return str(parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, ""))


def grant_of(session: str, serial: str | None) -> LiveScope | None:
    """The events that this session can hear; None if it is invalid or cannot see the station. Queries the database."""
    close_old_connections()
    try:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(session)
        viewer = viewer_of_user(get_user(request))
        if viewer.user is None:
            return None
        if serial is not None:
            station = station_get(viewer=viewer, serial=serial)
            return LiveScope(viewer.user.pk, frozenset({station.organization_id}), station.serial)
        return LiveScope(viewer.user.pk, viewer.organization_ids(), None)
    except NotFound:
        return None
    finally:
        close_old_connections()


def header(headers: Mapping[bytes, bytes], name: str) -> str:
    """One request header as text; empty if absent."""
    return headers.get(name.encode(), b"").decode("latin-1")


def _port(address: SplitResult) -> int | None:
    try:
        return address.port or _PORTS.get(address.scheme)
    except ValueError:
        return None
