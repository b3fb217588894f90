"""Queries for the files that a station holds: where each is between the station and the store, and the sums."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, Exists, OuterRef, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.files.store.models import FileRevision, StoredContent
from fleet.holdings.models import HeldFile, StationHolding
from fleet.stations.models import Station

#: Where a file is. Each file is in one state, so that they add up.
STATES: dict[str, Promise] = {
    "stored": _("stored"),
    "held": _("only on the station"),
    "gone": _("gone from the station, not stored"),
}
#: The same for the API.
STATE_NAMES = [(name, name) for name in STATES]


@dataclass(frozen=True, slots=True)
class StateSum:
    """Number of files in a state, and their bytes."""

    files: int
    octets: int


def held_list(*, station: Station, state: str = "", search: str = "") -> QuerySet[HeldFile]:
    """The files that a station told of, the last path first, each with its `state` and `is_stored`."""
    rows: Any = _states_add(HeldFile.objects.filter(station=station))
    if state:
        rows = rows.filter(state=state)
    if search:
        rows = rows.filter(path__icontains=search.replace("\x00", ""))
    found: QuerySet[HeldFile] = rows.order_by("-path")
    return found


def held_sums(*, station: Station) -> dict[str, StateSum]:
    """For each state, how many files are in it; together they are all files of the list."""
    rows = _states_add(HeldFile.objects.filter(station=station)).order_by().values("state")
    counted = rows.annotate(files=Count("pk"), sum_octets=Coalesce(Sum("octets"), 0))
    found = {row["state"]: StateSum(row["files"], int(row["sum_octets"])) for row in counted}
    return {state: found.get(state, StateSum(0, 0)) for state in STATES}


def holding_of(*, station: Station) -> StationHolding | None:
    """The sums of its newest manifest; None if it never sent one."""
    return StationHolding.objects.filter(station=station).first()


def _states_add(rows: QuerySet[HeldFile]) -> Any:
    stored = FileRevision.objects.filter(
        file__station=OuterRef("station"),
        content__sha256=OuterRef("sha256"),
        content__state=StoredContent.State.KEPT,
    )
    return rows.annotate(is_stored=Exists(stored)).annotate(
        state=Case(
            When(is_stored=True, then=Value("stored")),
            When(is_gone=True, then=Value("gone")),
            default=Value("held"),
            output_field=CharField(),
        )
    )
