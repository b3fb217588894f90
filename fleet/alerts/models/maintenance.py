"""Maintenance that people plan: for a station, a site or a group, once or repeatedly."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from fleet.deployments.models import Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup


class MaintenanceWindow(models.Model):
    """A time in which alerts about some stations wait, and its schedule.

        waiting ──opens_at──▶ open ──closes_at──▶ waiting, if it comes again ──▶ …
           │                   │  └──closes_at, and it was the last──▶ over
           └───────────────────┴──a person deletes it──▶ gone

    `opens_at` and `closes_at` are of the occurrence that is going on, else of the next one; both are None once it is
    over. `due_at` is when Roost must act on it: the next of the two or, while it is open, when its stations are looked
    up again. `fleet.alerts.maintenance.moving` finds due windows by the index of this column.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="maintenance_windows")
    #: Exactly one of the three. Of its stations, only those count that belong to `organization` at the time.
    station = models.ForeignKey(Station, on_delete=models.CASCADE, null=True, related_name="maintenance_windows")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, null=True, related_name="maintenance_windows")
    group = models.ForeignKey(StationGroup, on_delete=models.CASCADE, null=True, related_name="maintenance_windows")
    #: Day and time of the first occurrence on the clocks of `timezone`; with a rule, no occurrence is earlier.
    first_day = models.DateField()
    first_time = models.TimeField()
    duration_s = models.PositiveIntegerField()
    timezone = models.CharField(max_length=64)
    #: RFC 5545, without `RRULE:`; empty: once.
    rrule = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=200)
    #: None: a key, or somebody whose account was deleted; the name stays.
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    added_by_name = models.CharField(max_length=150, blank=True)
    added_at = models.DateTimeField()
    is_open = models.BooleanField(default=False)
    opens_at = models.DateTimeField(null=True)
    closes_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)

    class Meta:
        """Each window is for one thing; indexes for due windows, and for the open ones of an organization."""

        constraints = [
            models.CheckConstraint(
                condition=Q(station__isnull=False, site=None, group=None)
                | Q(station=None, site__isnull=False, group=None)
                | Q(station=None, site=None, group__isnull=False),
                name="maintenance_of_one",
            ),
            models.CheckConstraint(
                condition=Q(opens_at=None, closes_at=None, due_at=None, is_open=False)
                | Q(opens_at__isnull=False, closes_at__isnull=False, due_at__isnull=False),
                name="maintenance_has_its_times",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="maintenance_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["organization"], name="maintenance_open", condition=Q(is_open=True)),
        ]

    def __str__(self) -> str:
        return self.reason

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.reason
