"""The search over stations, sites, tags of both kinds and pages: a page of its own, and the list of the palette."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from fleet.core import clock
from fleet.core.spoken import day_words
from fleet.deployments.selectors import site_list
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_list
from fleet.stations.contact.sentences import state_shown
from fleet.stations.models import Station
from fleet.stations.selectors import SHOWN_STATES, station_list, station_visible
from fleet.stations.sorting.tags import tag_list
from fleet.telemetry.heard.tags import tag_span
from sg_status.access import page
from sg_status.registry import menu_entries
from sg_status.shapes import STATES

#: Maximum results of one kind. For more, people narrow the words or open the whole list.
EACH_MOST: Final = 8
WORDS_MOST: Final = 100
#: Searches of one person in a minute: somebody who types fast makes about thirty.
A_MINUTE_MOST: Final = 120
#: Pages that are not in the menu.
_PAGES: Final[tuple[tuple[Promise, str, str], ...]] = (
    (_("Add a station"), "station-add", "plus"),
    (_("Groups"), "groups", "note"),
    (_("Models"), "models", "note"),
    (_("My account"), "account", "person"),
    (_("Public places"), "public-deployments", "map"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: its name, the words beside it, its address, and its icon with the colour of a state."""

    name: str
    beside: str
    address: str
    icon: str
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Hits:
    """Results of one kind; `rest` is the address of the whole list if there are more."""

    label: Promise
    found: list[Hit]
    rest: str = ""


@page
@require_safe
def search(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Search what the viewer may see. The palette's script gets only the list of results."""
    words = request.GET.get("q", "").replace("\x00", "").strip()[:WORDS_MOST]
    is_part = bool(request.headers.get("HX-Request"))
    template = "sg_status/frame/found.html" if is_part else "sg_status/frame/search.html"
    if words and _counted(viewer) > A_MINUTE_MOST:
        return render(request, template, {"words": words, "is_late": True}, status=HTTPStatus.TOO_MANY_REQUESTS)
    kinds = _kinds(viewer, words) if words else []
    return render(request, template, {"words": words, "kinds": [kind for kind in kinds if kind.found]})


def _kinds(viewer: Viewer, words: str) -> list[Hits]:
    return [kind(viewer, words) for kind in (_stations, _sites, _tags, _heard, _pages)]


def _stations(viewer: Viewer, words: str) -> Hits:
    found = list(station_list(viewer=viewer, search=words, state=SHOWN_STATES)[: EACH_MOST + 1])
    hits = [_station(one) for one in found[:EACH_MOST]]
    return Hits(_("Stations"), hits, _rest(found, "fleet", q=words))


def _station(one: Station) -> Hit:
    colour, shape = STATES[state_shown(one, getattr(one, "contact", None), clock.now())]
    beside = one.serial if one.name else ""
    return Hit(one.name or one.serial, beside, reverse("station", args=[one.serial]), shape, colour)


def _sites(viewer: Viewer, words: str) -> Hits:
    found = list(site_list(viewer=viewer, search=words)[: EACH_MOST + 1])
    hits = [Hit(one.name, one.organization.name, reverse("site", args=[one.pk]), "pin") for one in found[:EACH_MOST]]
    return Hits(_("Sites"), hits, _rest(found, "sites", q=words))


def _tags(viewer: Viewer, words: str) -> Hits:
    found = list(tag_list(viewer=viewer).filter(name__icontains=words)[: EACH_MOST + 1])
    hits = [
        Hit(one.name, "", f"{reverse('fleet')}?{urlencode({'tag': one.name})}", "note") for one in found[:EACH_MOST]
    ]
    return Hits(_("Tags of stations"), hits, _rest(found, "fleet"))


def _heard(viewer: Viewer, words: str) -> Hits:
    """The tag with exactly this name, in upper or lower case, if one of the viewer's stations ever heard it."""
    ids = list(station_visible(viewer).values_list("pk", flat=True))
    found = tag_span(station_ids=ids, tag=words, until=clock.now() + timedelta(hours=1))
    hits = [Hit(found[2], day_words(found[1]), reverse("heard-tag", args=[found[2]]), "waves")] if found else []
    return Hits(_("Tags heard"), hits)


def _pages(viewer: Viewer, words: str) -> Hits:
    wanted = words.casefold()
    pages = [(one.label, one.url_name, one.icon) for one in menu_entries()] + list(_PAGES)
    hits = [Hit(str(label), "", reverse(name), icon) for label, name, icon in pages if wanted in str(label).casefold()]
    own = organization_list(viewer=viewer).filter(name__icontains=words)[:EACH_MOST]
    hits += [Hit(one.name, str(_("Organization")), reverse("organization", args=[one.slug]), "gear") for one in own]
    return Hits(_("Pages"), hits[:EACH_MOST])


def _rest(found: Sequence[object], name: str, **query: str) -> str:
    return f"{reverse(name)}?{urlencode(query)}" if len(found) > EACH_MOST else ""


def _counted(viewer: Viewer) -> int:
    """Count this search; return how many this person has made in this minute."""
    name = f"search:{viewer.user.pk if viewer.user else 0}:{_minute()}"
    cache.add(name, 0, 120)
    return int(cache.incr(name))


def _minute() -> int:
    return int(clock.now().timestamp()) // 60


urlpatterns = [path("search/", search, name="search")]
