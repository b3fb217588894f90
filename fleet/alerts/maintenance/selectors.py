"""Queries for planned maintenance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.alerts.maintenance.reach import stations_of
from fleet.alerts.maintenance.schedules import schedule_of
from fleet.alerts.maintenance.times import WindowTimes, occurrences
from fleet.alerts.maintenance.words import occurrence_words, repeat_words, target_words
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core.errors import NotFound
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization

#: Occurrences of each window that a list shows.
NEXT_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window in words. `coming`: the next times on the clocks of the place. `stations`: how many it is for now."""

    window: MaintenanceWindow
    target: str
    repeats: str
    coming: Sequence[str]
    stations: int


def window_list(*, viewer: Viewer, organization: str = "", is_over: bool | None = None) -> QuerySet[MaintenanceWindow]:
    """The windows of the viewer's organizations, or of one by its slug: those that come next first, then those over."""
    found = MaintenanceWindow.objects.select_related("organization", "station", "site", "group").filter(
        viewer.organizations("organization__")
    )
    # A station that went to another organization left its windows behind.
    found = found.filter(Q(station=None) | Q(station__organization=F("organization"), station__deleted_at=None))
    if organization:
        found = found.filter(organization__slug=organization)
    if is_over is not None:
        found = found.filter(due_at__isnull=is_over)
    return found.order_by(F("opens_at").asc(nulls_last=True), "-pk")


def window_get(*, viewer: Viewer, window_id: int) -> MaintenanceWindow:
    """One window. Raises `NotFound`."""
    found = window_list(viewer=viewer).filter(pk=window_id).first()
    if found is None:
        raise NotFound(_("There is no planned maintenance %(number)d that you may see.") % {"number": window_id})
    return found


def window_views(windows: Sequence[MaintenanceWindow], moment: datetime) -> list[WindowView]:
    """Windows of one organization in words. At most three queries for any number."""
    stations = stations_of(windows, moment)
    return [
        WindowView(
            window,
            target_words(window),
            repeat_words(schedule_of(window)),
            [occurrence_words(one, schedule_of(window).zone, moment) for one in window_coming(window, moment)],
            len(stations[window.pk]),
        )
        for window in windows
    ]


def window_coming(window: MaintenanceWindow, moment: datetime, *, most: int = NEXT_MOST) -> list[WindowTimes]:
    """The occurrence that is going on, and the next ones. One that a person ended is left out."""
    if window.opens_at is None or window.closes_at is None:
        return []
    found = (one for one in occurrences(schedule_of(window), after=moment) if one.closes_at >= window.closes_at)
    return list(islice(found, most))


def organization_calendar(*, organization: Organization, moment: datetime, most: int) -> list[MaintenanceWindow]:
    """The windows of an organization that are open or still to come, for its calendar."""
    found = MaintenanceWindow.objects.select_related("station", "site", "group").filter(
        Q(station=None) | Q(station__organization=F("organization"), station__deleted_at=None),
        organization=organization,
        due_at__isnull=False,
        closes_at__gt=moment,
    )
    return list(found.order_by("opens_at", "pk")[:most])
