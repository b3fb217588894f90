"""Opening and closing windows when their time comes: an index finds what is due, so nothing is scanned.

    due windows ─▶ lock their organization ─▶ open, close, or find the next time ─▶ note it at the stations ─▶ commit

One organization is one transaction, and two workers share the organizations: each takes those that no other has locked.
A worker that is killed leaves everything as it was, and due. If Roost was down when a window was to open, it opens
late; if Roost was down for all of an occurrence, that one is skipped.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef

from fleet.alerts.maintenance.reach import reach_note
from fleet.alerts.maintenance.schedules import schedule_of
from fleet.alerts.maintenance.times import occurrence_next
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: How often the stations of an open window are looked up again, as they come to its site or group, and leave.
LOOK_AGAIN: Final = timedelta(minutes=1)


def windows_move(*, moment: datetime) -> int:
    """Open and close the windows that are due; return how many were looked at."""
    moved, seen = 0, set[int]()
    due = (
        MaintenanceWindow.objects.filter(due_at__lte=moment)
        .order_by("due_at")
        .values_list("organization_id", flat=True)
    )
    while (organization_id := due.exclude(organization__in=seen).first()) is not None:
        seen.add(organization_id)
        moved += _organization_move(organization_id, moment)
    for organization_id in _left_behind():
        _organization_move(organization_id, moment)
    return moved


def _left_behind() -> list[int]:
    """Organizations with stations noted as in a window, though none is open: it went with its site or group."""
    is_open = MaintenanceWindow.objects.filter(organization=OuterRef("organization"), is_open=True)
    noted = Station.objects.filter(~Exists(is_open), window_until__isnull=False)
    return list(noted.order_by("organization_id").values_list("organization_id", flat=True).distinct())


@transaction.atomic
def _organization_move(organization_id: int, moment: datetime) -> int:
    """Move what is due in one organization, unless another worker or a person's change has it locked."""
    locked = Organization.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=organization_id)
    if not list(locked.values_list("pk", flat=True)):
        return 0
    due = MaintenanceWindow.objects.filter(organization=organization_id, due_at__lte=moment)
    windows = list(due.select_for_update().order_by("pk"))
    for window in windows:
        window_place(window, moment)
    MaintenanceWindow.objects.bulk_update(windows, ["is_open", "opens_at", "closes_at", "due_at"])
    reach_note(organization_id=organization_id, moment=moment)
    return len(windows)


def window_place(window: MaintenanceWindow, moment: datetime) -> None:
    """Set the state of a window as of a moment: its occurrence is the one that is going on, else the next one."""
    if window.closes_at is None or window.closes_at <= moment:
        window_go_on(window, after=moment, moment=moment)
    elif window.opens_at is not None:
        window.is_open = window.opens_at <= moment
        window.due_at = min(window.closes_at, moment + LOOK_AGAIN) if window.is_open else window.opens_at


def window_go_on(window: MaintenanceWindow, *, after: datetime, moment: datetime) -> None:
    """Set the occurrence of a window to the first that ends later than `after`; without one it is over."""
    coming = occurrence_next(schedule_of(window), after=after)
    if coming is None:
        window.is_open, window.opens_at, window.closes_at, window.due_at = False, None, None, None
        return
    window.opens_at, window.closes_at = coming.opens_at, coming.closes_at
    window_place(window, moment)
