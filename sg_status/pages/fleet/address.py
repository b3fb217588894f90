"""Fleet page filters: parsing them from the URL, the choices on offer, and saved views."""

from dataclasses import dataclass, field

from django.http import QueryDict

from fleet.organizations.access import Viewer
from fleet.stations.models import SavedFilter
from fleet.stations.selectors import SHOWN_STATES
from fleet.stations.sorting.device_models import models_counted
from fleet.stations.sorting.groups import group_list
from fleet.stations.sorting.saved_filters import KEPT, filter_list
from fleet.stations.sorting.tags import tag_list

_TEXT_MOST = 100
_NUMBER_MOST = 2**63


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A view of the fleet, parsed from the URL; invalid values are dropped."""

    search: str = ""
    state: str = ""
    tag: str = ""
    group: int | None = None
    model: int | None = None
    #: The part of the URL that makes up the view.
    query: str = ""

    @property
    def is_any(self) -> bool:
        """Whether it filters out any station."""
        return bool(self.search or self.state or self.tag) or self.group is not None or self.model is not None


@dataclass(slots=True)
class Choices:
    """The filter options that the page offers."""

    tags: list[Choice] = field(default_factory=list)
    groups: list[Choice] = field(default_factory=list)
    models: list[Choice] = field(default_factory=list)
    kept: list[SavedFilter] = field(default_factory=list)


def narrowing_read(query: QueryDict) -> Narrowing:
    """The filters in a URL."""
    state = query.get("state", "")
    kept = query.copy()
    for key in set(kept) - set(KEPT):
        del kept[key]
    return Narrowing(
        search=query.get("q", "")[:_TEXT_MOST],
        state=state if state in SHOWN_STATES else "",
        tag=query.get("tag", "").replace("\x00", "")[:_TEXT_MOST],
        group=_number(query.get("group", "")),
        model=_number(query.get("model", "")),
        query=kept.urlencode(),
    )


def choices_read(viewer: Viewer, narrowing: Narrowing) -> Choices:
    """The filter options; takes four queries, however many stations there are."""
    tags: dict[str, Choice] = {}
    for tag in tag_list(viewer=viewer):
        word = tag.name.casefold()
        tags.setdefault(word, Choice(tag.name, tag.name, word == narrowing.tag.casefold()))
    return Choices(
        tags=list(tags.values()),
        groups=[Choice(str(g.pk), g.name, g.pk == narrowing.group) for g in group_list(viewer=viewer)],
        models=[
            Choice(str(model.pk), str(model), model.pk == narrowing.model)
            for model in models_counted(viewer=viewer)
            if getattr(model, "stations_here", 0) or model.pk == narrowing.model
        ],
        kept=list(filter_list(user=viewer.user)) if viewer.user else [],
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text[:20]) < _NUMBER_MOST else None
