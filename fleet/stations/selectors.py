"""Queries for stations: lists with state, contact and site, totals by state, and one station by its serial."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import OrderBy
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import InvalidInput, NotFound
from fleet.core.zones import day_start
from fleet.organizations.access import Viewer
from fleet.stations.models import Credential, Station, StationContact
from fleet.stations.sorting.groups import group_condition, group_get

#: Every state a station can be shown in, most urgent first.
SHOWN_STATES: Final = ("silent", "late", "never_seen", "on_time", "asleep", "maintenance", "retired")

_SORTS: Final = {
    "state": "state_rank",
    "serial": "serial",
    "name": "name",
    "organization": "organization__name",
    "site": "site_name",
    "last_contact": "contact__last_contact_at",
    "backlog": "contact__backlog_messages",
    "detections": "detections_today",
}


def station_list(
    *,
    viewer: Viewer,
    search: str = "",
    state: str | Collection[str] = "",
    organization: str = "",
    tag: str = "",
    group: int | None = None,
    model: int | None = None,
    site: int | None = None,
    sort: str = "",
) -> QuerySet[Station]:
    """The viewer's stations with contact and organization joined, and annotated.

    Annotations: `shown_state`, `state_rank`, `site_name` (of the current deployment, or None) and `detections_today`
    (since midnight on the reader's clock, which is UTC in the API). `state` is one or several of `SHOWN_STATES`;
    without it, retired stations are left out. `organization` is a slug; `group`, `model` and `site` are ids, `site`
    that of the current deployment. `sort` is a column of the fleet table, with `-` in front for descending; by default
    the most urgent stations come first.
    """
    moment = clock.now()
    stations = _annotate(station_visible(viewer), moment)
    if search := search.strip().replace("\x00", ""):
        place = Q(deployments__period__contains=moment, deployments__site__name__icontains=search)
        at_place = Station.objects.filter(place).values("pk")
        stations = stations.filter(Q(serial__icontains=search) | Q(name__icontains=search) | Q(pk__in=at_place))
    if organization:
        stations = stations.filter(organization__slug=organization)
    if tag:
        stations = stations.filter(pk__in=Station.tags.through.objects.filter(tag__name__iexact=tag).values("station"))
    if group is not None:
        stations = stations.filter(group_condition(group_get(viewer=viewer, group_id=group)))
    if model is not None:
        stations = stations.filter(model=model)
    if site is not None:
        there = Station.objects.filter(deployments__period__contains=moment, deployments__site=site).values("pk")
        stations = stations.filter(pk__in=there)
    states = [state] if isinstance(state, str) and state else list(state)
    if unknown := [each for each in states if each not in SHOWN_STATES]:
        raise InvalidInput(
            _("There is no state %(state)s: use one of %(states)s.")
            % {"state": repr(unknown[0][:40]), "states": ", ".join(SHOWN_STATES)},
            field="state",
        )
    stations = stations.filter(Q(shown_state__in=states) if states else ~Q(shown_state="retired"))
    return stations.order_by(*_ordering(sort))


def station_get(*, viewer: Viewer, serial: str) -> Station:
    """One station by its serial in any case. Raises `NotFound`, also for another organization's station."""
    return _one(station_visible(viewer).select_related("organization", "contact"), serial)


def station_get_as_listed(*, viewer: Viewer, serial: str) -> Station:
    """One station with the annotations of the list: state, site and detections of today. They cost most of the time.

    Raises `NotFound` as `station_get` does.
    """
    return _one(_annotate(station_visible(viewer), clock.now()), serial)


def credential_list(*, station: Station) -> QuerySet[Credential]:
    """The generations of a station's broker logins, newest first."""
    return Credential.objects.filter(station=station).order_by("-generation")


def login_purposes(*, station: Station) -> set[str]:
    """The purposes of the station's logins that still work: `LoginPurpose` values."""
    return set(credential_list(station=station).filter(revoked_at=None).values_list("purpose", flat=True))


def station_visible(viewer: Viewer) -> QuerySet[Station]:
    """The stations the viewer may see, as a queryset to narrow down."""
    return Station.objects.filter(viewer.stations(), deleted_at=None)


def _one(stations: QuerySet[Station], serial: str) -> Station:
    # No name in the database contains a zero character, and PostgreSQL refuses one.
    station = stations.filter(serial__iexact=serial).order_by().first() if "\x00" not in serial else None
    if station is None:
        raise NotFound(_("There is no station %(serial)s that you may see.") % {"serial": serial[:80]})
    return station


def _state_conditions(moment: datetime) -> tuple[tuple[str, Q], ...]:
    """Each state with its condition; the first match wins, as in `fleet.stations.contact.sentences.state_shown`."""
    never_seen = Q(contact__isnull=True) | Q(contact__state=StationContact.State.NEVER_SEEN)
    silent = Q(contact__state=StationContact.State.SILENT) | Q(contact__silent_after__lte=moment)
    late = Q(contact__state=StationContact.State.LATE) | Q(contact__late_after__lte=moment)
    return (
        ("retired", Q(retired_at__isnull=False)),
        (
            "maintenance",
            (Q(is_in_maintenance=True) & (Q(maintenance_until=None) | Q(maintenance_until__gt=moment)))
            | Q(window_until__gt=moment),
        ),
        ("asleep", Q(asleep_until__gt=moment)),
        ("never_seen", never_seen),
        ("silent", silent),
        ("late", late),
    )


def _annotate_state(stations: QuerySet[Station], moment: datetime) -> QuerySet[Station]:
    conditions = _state_conditions(moment)
    states = [When(condition, then=Value(state)) for state, condition in conditions]
    ranks = [When(condition, then=Value(SHOWN_STATES.index(state))) for state, condition in conditions]
    on_time = Value(SHOWN_STATES.index("on_time"))
    return stations.annotate(
        shown_state=Case(*states, default=Value("on_time"), output_field=CharField()),
        state_rank=Case(*ranks, default=on_time, output_field=IntegerField()),
    )


def _annotate(stations: QuerySet[Station], moment: datetime) -> QuerySet[Station]:
    # Subqueries instead of joins: they run only for the rows of one page and never multiply rows.
    itself = Station.objects.filter(pk=OuterRef("pk")).order_by()
    # Detections are counted by hours of UTC: if the reader's day begins within one, the whole hour is counted.
    today = day_start(moment).astimezone(UTC).replace(minute=0)
    tomorrow = day_start(moment, days=1)
    heard_today = itself.filter(detectioncount__hour__gte=today, detectioncount__hour__lt=tomorrow)
    counted = heard_today.values("pk").annotate(heard=Sum("detectioncount__count")).values("heard")
    sites = itself.filter(deployments__period__contains=moment).values("deployments__site__name")
    return (
        _annotate_state(stations, moment)
        .select_related("organization", "contact")
        .annotate(
            site_name=Subquery(sites[:1], output_field=CharField()),
            detections_today=Coalesce(Subquery(counted, output_field=BigIntegerField()), Value(0)),
        )
    )


def _ordering(sort: str) -> list[str | OrderBy]:
    key = sort.removeprefix("-")
    if not key:
        return ["state_rank", "name", "serial"]
    if key not in _SORTS:
        raise InvalidInput(
            _("Stations cannot be sorted by %(sort)s: use one of %(sorts)s.")
            % {"sort": repr(key[:40]), "sorts": ", ".join(_SORTS)},
            field="sort",
        )
    column = F(_SORTS[key])
    ordered = column.desc(nulls_last=True) if sort.startswith("-") else column.asc(nulls_last=True)
    return [ordered, "serial"]
