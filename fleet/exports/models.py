"""Data packages that people asked for, and the terms under which an organization gives its data away."""

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
    """A package as it was asked for, and what became of it.

        waiting ──a worker takes it──▶ making ──▶ done ──its time is over──▶ expired
           ▲                             │          └──a station has left──▶ withdrawn
           └──the worker was killed──────┴──▶ failed

    Its file is named `name`, which nobody can guess, and exists whole or not at all.
    """

    class State(models.TextChoices):
        """How far the package is."""

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

    #: The question; see `fleet.exports.question.PackageQuestion`. No station: all that the organization had.
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
    #: How often a worker has taken it: a worker that was thought dead cannot finish what another one took again.
    attempts = models.IntegerField(default=0)
    begun_at = models.DateTimeField(null=True)
    parts = models.IntegerField(default=0)
    parts_all = models.IntegerField(default=0)
    #: Counted so far, in the end in all. `left_out`: rows left out because they are marked as doubtful.
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
        """Lists are by organization; a worker looks for what waits, and the sweep for what is done."""

        indexes = [
            models.Index(fields=["organization", "-id"], name="package_newest_first"),
            models.Index(fields=["state"], name="package_open", condition=Q(state__in=["waiting", "making", "done"])),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.start_at:%Y-%m-%d}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, f"package {self.pk}"
