"""The frame of every page: the menu with the current entry, the organization, and the open incidents."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise, cached_property

from fleet.alerts.selectors import OPEN_COUNTED_MOST, OpenIncidents, incidents_open
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_list
from sg_status.access import may_count, viewer_of
from sg_status.menu import MenuEntry, Part
from sg_status.registry import menu_entries
from sg_status.words import counted_words

#: URL name of the entry whose count is the number of open incidents, which the frame has already.
INCIDENTS = "incidents"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the menu as shown. `current`: a value of `aria-current`, or nothing."""

    label: str | Promise
    address: str
    icon: str
    current: str
    count: str
    is_urgent: bool


class Shell:
    """The frame's data for one request. Each part is queried once, and only if a page shows it.

    Once a query of the request was cancelled, the frame queries nothing more and has no numbers.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def _viewer(self) -> Viewer:
        return viewer_of(self._request)

    @cached_property
    def incidents(self) -> OpenIncidents:
        """The open incidents of the viewer's organizations."""
        return (
            incidents_open(viewer=self._viewer) if may_count(self._request) else OpenIncidents(0, is_any_silent=False)
        )

    @cached_property
    def open_count(self) -> str:
        """Number of open incidents; empty if there are none."""
        return counted_words(self.incidents.number, OPEN_COUNTED_MOST)

    @cached_property
    def organization(self) -> str:
        """The name of the viewer's only organization; empty if there are several."""
        if not may_count(self._request):
            return ""
        names = list(self._viewer.organization_names.values())
        if self._viewer.sees_all:
            names = list(organization_list(viewer=self._viewer).values_list("name", flat=True)[:2])
        return names[0] if len(names) == 1 else ""

    @cached_property
    def watch(self) -> list[Entry]:
        """Pages that people watch."""
        return self._entries(Part.WATCH)

    @cached_property
    def records(self) -> list[Entry]:
        """Pages of things that are kept."""
        return self._entries(Part.RECORDS)

    def _entries(self, part: Part) -> list[Entry]:
        return [self._entry(one) for one in menu_entries() if one.part == part]

    def _entry(self, one: MenuEntry) -> Entry:
        address, is_urgent, count = reverse(one.url_name), one.url_name == INCIDENTS, ""
        if is_urgent:
            count = self.open_count
        elif one.count is not None and may_count(self._request):
            count = counted_words(one.count(self._viewer), OPEN_COUNTED_MOST)
        return Entry(one.label, address, one.icon, self._current(address, one.under), count, is_urgent)

    def _current(self, address: str, under: tuple[str, ...]) -> str:
        if self._request.path == address:
            return "page"
        begins = under if address == "/" else (address, *under)
        return "true" if self._request.path.startswith(begins) else ""
