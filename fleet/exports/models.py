"""Data packages, on request or repeated; the terms under which an organization gives data away; analysts' logins."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization


class DataTerms(models.Model):
    """The licence and the citation that an organization chose for its packages; empty: it chose none."""

    organization = models.OneToOneField(
        Organization, primary_key=True, on_delete=models.CASCADE, related_name="data_terms"
    )
    licence = models.CharField(max_length=32, blank=True)
    citation = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"{self.organization_id} {self.licence}"


class DataPackage(models.Model):
    """A package as requested, and its state.

        waiting ──a worker takes it──▶ making ──▶ done ──its time is over──▶ expired
           ▲                             │          └──a station has left──▶ withdrawn
           └──the worker was killed──────┴──▶ failed

    Its file has the name `name`, which nobody can guess, and exists completely or not at all.
    """

    class State(models.TextChoices):
        """The state of the package."""

        WAITING = "waiting"
        MAKING = "making"
        DONE = "done"
        FAILED = "failed"
        EXPIRED = "expired"
        WITHDRAWN = "withdrawn"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="packages")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Name of the person or key at that time.
    asked_by_name = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()

    #: The question; see `fleet.exports.question.PackageQuestion`.
    station_ids = ArrayField(models.BigIntegerField())
    deployment_ids = ArrayField(models.BigIntegerField(), default=list)
    kinds = ArrayField(models.CharField(max_length=16))
    series = ArrayField(models.CharField(max_length=128), default=list)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    format = models.CharField(max_length=8)
    is_local = models.BooleanField(default=False)
    is_clean = models.BooleanField(default=False)
    licence = models.CharField(max_length=32, blank=True)
    citation = models.CharField(max_length=500, blank=True)

    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    #: How often a worker has taken it. A worker that was thought dead cannot finish a package that another has taken.
    attempts = models.IntegerField(default=0)
    begun_at = models.DateTimeField(null=True)
    parts = models.IntegerField(default=0)
    parts_all = models.IntegerField(default=0)
    #: Counts so far, at the end the totals. `left_out`: rows left out because they are marked as doubtful.
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    left_out = models.BigIntegerField(default=0)
    #: Why it failed or was withdrawn, or which chosen stations are missing from it.
    reason = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    name = models.CharField(max_length=32, unique=True)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        """Lists are by organization; a worker looks for waiting packages, the sweep for finished ones."""

        indexes = [
            models.Index(fields=["organization", "-id"], name="package_newest_first"),
            models.Index(fields=["state"], name="package_open", condition=Q(state__in=["waiting", "making", "done"])),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.start_at:%Y-%m-%d}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, f"package {self.pk}"


class PackageSchedule(models.Model):
    """A package that repeats: one part for each past day, week or month of UTC, all delivered to one place."""

    class Every(models.TextChoices):
        """How long a part is."""

        DAY = "day"
        WEEK = "week"
        MONTH = "month"

    class Target(models.TextChoices):
        """The place of its files. Only administrators of the server choose the folder and the object store."""

        PAGE = "page"
        FOLDER = "folder"
        OBJECTS = "objects"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="package_schedules")
    name = models.CharField(max_length=80)
    every = models.CharField(max_length=8, choices=Every.choices)
    target = models.CharField(max_length=8, choices=Target.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by_name = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()

    #: The question, as in `DataPackage`. No stations: all that the organization has when a part is made.
    station_ids = ArrayField(models.BigIntegerField(), default=list)
    kinds = ArrayField(models.CharField(max_length=16))
    series = ArrayField(models.CharField(max_length=128), default=list)
    format = models.CharField(max_length=8)
    is_local = models.BooleanField(default=False)
    is_clean = models.BooleanField(default=False)

    #: Start of the next part.
    next_start = models.DateTimeField(db_index=True)
    #: Since when parts have been failing. Its creator was told then, and will be told when none fails any more.
    failing_since = models.DateTimeField(null=True)

    class Meta:
        """Names are unique within an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="package_schedule_name_once")]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name


class ScheduledPart(models.Model):
    """One period of a schedule, and the state of its file.

        waiting ──its hours are settled──▶ making ──its file is in its place──▶ done
           ▲                                 │                                   │
           └──failed: tried again later──────┘                                   │
           └──its rows have changed since the file was made: made again──────────┘

    A delivered file is never overwritten: the next one has another number.
    """

    class State(models.TextChoices):
        """The state of the part."""

        WAITING = "waiting"
        MAKING = "making"
        DONE = "done"

    id = models.BigAutoField(primary_key=True)
    schedule = models.ForeignKey(PackageSchedule, on_delete=models.CASCADE, related_name="parts")
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: The number of the file: 2 or more if it was made again because rows came late or were corrected.
    revision = models.IntegerField(default=1)
    #: When to look at it again; None: never, because it is too old.
    next_at = models.DateTimeField(null=True)
    #: Failures in a row, and the reason of the last one; empty: none.
    failures = models.IntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True)
    #: The id of the package that is being made for it.
    package_number = models.BigIntegerField(null=True)
    #: Checksums of its rows, just before the package was queued; see `fleet.exports.schedules.figures`.
    figures = models.CharField(max_length=300, blank=True)
    #: About the last file that was delivered.
    place = models.CharField(max_length=300, blank=True)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        """One part per period, and an index for those that are due."""

        constraints = [models.UniqueConstraint(fields=["schedule", "start_at"], name="scheduled_part_once")]
        indexes = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="scheduled_part_due")]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.start_at:%Y-%m-%d}"


class AnalystLogin(models.Model):
    """A login to the database that reads one organization's data through the views of the schema `analyst`.

    The views look up its organization here, by the role that is logged in. A role without a row sees nothing.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="analysts")
    name = models.CharField(max_length=80)
    #: A random name, because every login can read the names of all roles.
    role = models.CharField(max_length=63, unique=True)
    connections = models.SmallIntegerField()
    #: How long one statement may take.
    minutes = models.SmallIntegerField()
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        """Names are unique within an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="analyst_name_once")]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name
