"""Acting on many stations at once: tags, groups, maintenance and export, for the ticked ones or all that match."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.alerts.attention import fleet_list, fleet_narrow, fleet_state
from fleet.core.csv_file import Cell, csv_response
from fleet.core.errors import InvalidInput
from fleet.organizations.access import Role, Viewer
from fleet.stations.contact.deadlines import interval_of
from fleet.stations.many import MANY_MOST, OutcomeOfOne, many_group, many_maintenance, many_tag
from fleet.stations.models import Station
from fleet.stations.sorting.groups import group_get
from sg_status.access import page
from sg_status.pages.fleet.address import choices_read, narrowing_read
from sg_status.pages.fleet.forms import ManyForm
from sg_status.pages.station.contact import contact_of

_CSV_HEAD: Final = (
    *("serial", "name", "organization", "site", "state", "last_contact_at", "expected_every_s", "backlog_messages"),
    *("battery_v", "detections_today", "tags", "maintenance_until", "asleep_until"),
)
_CSV_PART = 200


@dataclass(frozen=True, slots=True)
class ManyAsked:
    """An action on many stations: the person, the stations, and the action's inputs."""

    viewer: Viewer
    stations: Sequence[Station]
    tag: str
    group_id: int | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """One action on many stations: its label, and the function that does it."""

    words: Promise
    act: Callable[[ManyAsked], list[OutcomeOfOne]]


def _group(asked: ManyAsked, *, is_added: bool) -> list[OutcomeOfOne]:
    if asked.group_id is None:
        raise InvalidInput(_("Choose a group first."), field="to_group")
    group = group_get(viewer=asked.viewer, group_id=asked.group_id)
    return many_group(actor=asked.viewer, stations=asked.stations, group=group, is_added=is_added)


def _tag(asked: ManyAsked, *, is_added: bool) -> list[OutcomeOfOne]:
    if not asked.tag.strip():
        raise InvalidInput(_("Type a tag first."), field="tag")
    return many_tag(actor=asked.viewer, stations=asked.stations, name=asked.tag, is_added=is_added)


DEEDS: Final[dict[str, Deed]] = {
    "tag-add": Deed(gettext_lazy("Add tag"), lambda asked: _tag(asked, is_added=True)),
    "tag-remove": Deed(gettext_lazy("Remove tag"), lambda asked: _tag(asked, is_added=False)),
    "group-add": Deed(gettext_lazy("Add to group"), lambda asked: _group(asked, is_added=True)),
    "group-remove": Deed(gettext_lazy("Remove from group"), lambda asked: _group(asked, is_added=False)),
    "maintenance-begin": Deed(
        gettext_lazy("Begin maintenance"),
        lambda asked: many_maintenance(actor=asked.viewer, stations=asked.stations, is_on=True, until=asked.until),
    ),
    "maintenance-end": Deed(
        gettext_lazy("End maintenance"),
        lambda asked: many_maintenance(actor=asked.viewer, stations=asked.stations, is_on=False, until=None),
    ),
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def fleet_many(request: HttpRequest, viewer: Viewer) -> HttpResponseBase:
    """POST: do one thing with the chosen stations and show the outcome of each. GET: back to the fleet."""
    if request.method != "POST":
        return redirect("fleet")
    query = QueryDict(request.POST.get("query", "")[:2_000])
    serials = request.POST.getlist("station")
    is_all = request.POST.get("all") == "1"
    found = _found(viewer, query, serials, is_all=is_all)
    if request.POST.get("do") == "csv":
        return csv_response(request, name="stations.csv", head=_CSV_HEAD, rows=_csv_rows(found))
    form = ManyForm(request.POST)
    stations = list(found[: MANY_MOST + 1])
    deed = DEEDS.get(request.POST.get("do", ""))
    outcomes, refusal = _done(viewer, deed, form, stations)
    known = {station.serial for station in stations}
    missing = [] if is_all else [serial[:64] for serial in serials[:MANY_MOST] if serial not in known]
    context = {
        "deed": deed.words if deed else "",
        "outcomes": sorted(outcomes, key=lambda outcome: (outcome.is_done, bool(outcome.sentence))),
        "done": sum(outcome.is_done for outcome in outcomes),
        "asked": len(stations) + len(missing),
        "missing": missing,
        "refusal": refusal,
        "stations": stations[:MANY_MOST],
        "query": query.urlencode(),
        "many": form if refusal else ManyForm(),
        "choices": choices_read(viewer, narrowing_read(query)),
        "may_operate": viewer.may_somewhere(Role.OPERATOR),
    }
    return render(request, "sg_status/fleet/many_done.html", context, status=400 if refusal else 200)


def _found(viewer: Viewer, query: QueryDict, serials: Sequence[str], *, is_all: bool) -> QuerySet[Station]:
    """The chosen stations that the viewer sees."""
    if not is_all:
        chosen = [serial for serial in serials[: MANY_MOST + 1] if "\x00" not in serial]
        return fleet_list(viewer=viewer, sort="serial").filter(serial__in=chosen)
    narrowing = narrowing_read(query)
    return fleet_narrow(fleet_list(viewer=viewer, sort="serial", **narrowing.filters), narrowing.state)


def _done(
    viewer: Viewer, deed: Deed | None, form: ManyForm, stations: Sequence[Station]
) -> tuple[list[OutcomeOfOne], str]:
    """The outcome of each station, or why nothing was done at all."""
    if deed is None or not stations:
        return [], _("Select stations first, then what to do with them.")
    if not form.is_valid():
        return [], " ".join(str(error) for errors in form.errors.values() for error in errors)
    filled = form.cleaned_data
    try:
        return deed.act(ManyAsked(viewer, stations, filled["tag"], filled["to_group"], filled["until"])), ""
    except InvalidInput as error:
        return [], str(error)


def _csv_rows(stations: QuerySet[Station]) -> Iterator[tuple[Cell, ...]]:
    for station in stations.prefetch_related("tags").iterator(chunk_size=_CSV_PART):
        contact = contact_of(station)
        yield (
            station.serial,
            station.name,
            station.organization.slug,
            getattr(station, "site_name", None),
            fleet_state(station),
            _stamp(contact.last_contact_at if contact else None),
            interval_of(station, contact) if contact else None,
            contact.backlog_messages if contact else None,
            _number(contact.health.get("battery_v")) if contact else None,
            getattr(station, "detections_today", 0),
            ", ".join(sorted(tag.name for tag in station.tags.all())),
            _stamp(station.maintenance_until),
            _stamp(station.asleep_until),
        )


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


urlpatterns = [path("many/", fleet_many, name="fleet-many")]
