"""The stations that are in an open window now: worked out for one organization, and noted at the stations."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Value

from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.deployments.models import Deployment
from fleet.stations.contact.maintenance import PlannedMaintenance, planned_maintenance_set
from fleet.stations.models import Station
from fleet.stations.sorting.groups import group_condition


def reach_note(*, organization_id: int, moment: datetime) -> None:
    """Note at each station of an organization the open window that ends last, or none.

    The number of queries does not depend on that of windows and stations. The caller holds the organization's lock.
    """
    windows = MaintenanceWindow.objects.filter(organization=organization_id, is_open=True)
    ordered = list(windows.select_related("group").order_by("closes_at", "pk"))
    stations = stations_of(ordered, moment)
    planned: dict[int, PlannedMaintenance] = {}
    for window in ordered:
        if window.closes_at is not None:
            noted = PlannedMaintenance(window.closes_at, window.reason)
            planned.update(dict.fromkeys(stations[window.pk], noted))
    planned_maintenance_set(organization_id=organization_id, planned=planned, moment=moment)


def stations_of(windows: Sequence[MaintenanceWindow], moment: datetime) -> dict[int, set[int]]:
    """The stations in service that these windows of one organization are for, by window id. At most three queries."""
    found: dict[int, set[int]] = {window.pk: set() for window in windows}
    if not windows:
        return found
    ours = Station.objects.order_by().filter(organization=windows[0].organization_id, retired_at=None, deleted_at=None)
    alone = {window.station_id for window in windows if window.station_id is not None}
    if alone:
        known = set(ours.filter(pk__in=alone).values_list("pk", flat=True))
        for window in windows:
            found[window.pk] |= known & {window.station_id}
    sites = {window.site_id for window in windows if window.site_id is not None}
    if sites:
        here = Deployment.objects.filter(site__in=sites, period__contains=moment, station__in=ours)
        at = list(here.values_list("site_id", "station_id"))
        for window in windows:
            found[window.pk] |= {station_id for site_id, station_id in at if site_id == window.site_id}
    groups = {window.group_id: window.group for window in windows if window.group is not None}
    if groups:
        rows = [ours.filter(group_condition(group)).values_list(Value(group.pk), "pk") for group in groups.values()]
        first, *rest = rows
        members = list(first.union(*rest, all=True))
        for window in windows:
            found[window.pk] |= {station_id for group_id, station_id in members if group_id == window.group_id}
    return found
