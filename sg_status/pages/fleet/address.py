"""Fleet page address: filters, columns and shape of the list, the choices on offer, and saved views."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.alerts.attention import ATTENTION, STATES
from fleet.deployments.selectors import site_get
from fleet.organizations.access import Viewer
from fleet.organizations.selectors import organization_list
from fleet.stations.models import SavedFilter
from fleet.stations.sorting.device_models import models_counted
from fleet.stations.sorting.groups import group_list
from fleet.stations.sorting.saved_filters import KEPT, filter_list
from fleet.stations.sorting.tags import tag_list
from sg_status.pages.fleet.columns import KEYS, SORTS

_TEXT_MOST = 100
_NUMBER_MOST = 2**63
#: Maximum organizations in the choice; people who see more get no choice and search instead.
_ORGANIZATIONS_MOST = 100

#: The shapes of the list.
LIST, CARDS, MAP = "list", "cards", "map"
SHAPES: Final[dict[str, Promise]] = {LIST: _("List"), CARDS: _("Cards"), MAP: _("Map")}


@dataclass(frozen=True, slots=True)
class FilterChoice:
    """One option of a select field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A view of the fleet, parsed from the URL; invalid values are dropped."""

    search: str = ""
    state: str = ""
    organization: str = ""
    tag: str = ""
    group: int | None = None
    model: int | None = None
    site: int | None = None
    sort: str = ""
    shape: str = LIST
    #: Columns that somebody chose; empty: those that have room.
    columns: tuple[str, ...] = ()
    is_dense: bool = False
    #: The part of the URL that makes up the view.
    query: str = ""

    @property
    def filters(self) -> dict[str, Any]:
        """The filters besides the state, as `fleet_list` takes them."""
        return {
            "search": self.search,
            "organization": self.organization,
            "tag": self.tag,
            "group": self.group,
            "model": self.model,
            "site": self.site,
        }

    @property
    def choosing(self) -> str:
        """The part of the URL that chooses stations, for other pages that show them."""
        chosen = {"q": self.search, **self.filters, "state": self.state}
        del chosen["search"]
        return urlencode({key: value for key, value in chosen.items() if value not in ("", None)})

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves out stations for a reason other than their state."""
        return any(value not in ("", None) for value in self.filters.values())

    @property
    def is_any(self) -> bool:
        """Whether it leaves out any station."""
        return self.is_filtered or bool(self.state)


@dataclass(slots=True)
class Choices:
    """The filter options that the page offers."""

    tags: list[FilterChoice] = field(default_factory=list)
    groups: list[FilterChoice] = field(default_factory=list)
    models: list[FilterChoice] = field(default_factory=list)
    organizations: list[FilterChoice] = field(default_factory=list)
    kept: list[SavedFilter] = field(default_factory=list)
    #: The name of the site that is chosen, if one is.
    site: str = ""

    @property
    def chosen(self) -> list[str]:
        """The labels of the options that are chosen."""
        every = (*self.organizations, *self.tags, *self.groups, *self.models)
        return [*(one.label for one in every if one.is_chosen), *([self.site] if self.site else [])]


def narrowing_read(query: QueryDict) -> Narrowing:
    """The view in a URL."""
    state, sort, shape = query.get("state", ""), query.get("sort", ""), query.get("as", "")
    asked = set(query.getlist("show"))
    kept = query.copy()
    for key in set(kept) - set(KEPT):
        del kept[key]
    return Narrowing(
        search=query.get("q", "")[:_TEXT_MOST],
        state=state if state in (*STATES, ATTENTION) else "",
        organization=_text(query.get("organization", "")),
        tag=_text(query.get("tag", "")),
        group=_number(query.get("group", "")),
        model=_number(query.get("model", "")),
        site=_number(query.get("site", "")),
        sort=sort if sort.removeprefix("-") in SORTS else "",
        shape=shape if shape in SHAPES else LIST,
        columns=tuple(key for key in KEYS if key in asked),
        is_dense=query.get("dense") == "1",
        query=kept.urlencode(),
    )


def choices_read(viewer: Viewer, narrowing: Narrowing) -> Choices:
    """The filter options; takes five queries, however many stations there are, and one for a site.

    Raises `NotFound` for a site that the viewer may not see.
    """
    organizations = list(organization_list(viewer=viewer)[: _ORGANIZATIONS_MOST + 1])
    tags: dict[str, FilterChoice] = {}
    for tag in tag_list(viewer=viewer):
        word = tag.name.casefold()
        tags.setdefault(word, FilterChoice(tag.name, tag.name, word == narrowing.tag.casefold()))
    return Choices(
        tags=list(tags.values()),
        groups=[FilterChoice(str(g.pk), g.name, g.pk == narrowing.group) for g in group_list(viewer=viewer)],
        models=[
            FilterChoice(str(model.pk), str(model), model.pk == narrowing.model)
            for model in models_counted(viewer=viewer)
            if getattr(model, "stations_here", 0) or model.pk == narrowing.model
        ],
        organizations=[
            FilterChoice(each.slug, each.name, each.slug == narrowing.organization)
            for each in organizations
            if 1 < len(organizations) <= _ORGANIZATIONS_MOST
        ],
        kept=list(filter_list(user=viewer.user)) if viewer.user else [],
        site=site_get(viewer=viewer, site_id=narrowing.site).name if narrowing.site is not None else "",
    )


def _text(value: str) -> str:
    return value.replace("\x00", "")[:_TEXT_MOST]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) < _NUMBER_MOST else None
