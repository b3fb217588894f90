"""The schedule of a stored window."""

from datetime import UTC, datetime, timedelta

from fleet.alerts.maintenance.times import Schedule
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core.zones import zone_of


def schedule_of(window: MaintenanceWindow) -> Schedule:
    """When a window comes. A zone that the system no longer knows counts as UTC."""
    return Schedule(
        starts=datetime.combine(window.first_day, window.first_time),
        duration=timedelta(seconds=window.duration_s),
        zone=zone_of(window.timezone) or UTC,
        rrule=window.rrule,
    )
