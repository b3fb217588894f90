"""Devices that are not stations yet: registration codes, and the devices asking to join."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization


class RegistrationCode(models.Model):
    """The code with which devices may ask to join an organization; without a row none may. Stored as SHA-256.

    off ──an owner turns it on──▶ on ──a new code replaces the old one──▶ on ──an owner turns it off──▶ off
    """

    organization = models.OneToOneField(
        Organization, primary_key=True, on_delete=models.CASCADE, related_name="registration_code"
    )
    code_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return f"registration code of {self.organization_id}"


class Newcomer(models.Model):
    """A device that is not a station yet. It came with a registration code (`arrival`) or shows a short code (`claim`).

        waiting ──accepted, or claimed──▶ accepted      (its secret is an enrolment token from now on)
          ├──refused──▶ refused
          ├──permanently refused──▶ blocked             (the serial cannot ask this organization again)
          └──30 days, or 30 minutes──▶ deleted

    Changed only by conditional UPDATE. Only the device knows its secret; what it says about itself is unverified.
    """

    class Way(models.TextChoices):
        """How it asked."""

        ARRIVAL = "arrival"
        CLAIM = "claim"

    class State(models.TextChoices):
        """The decision of a person."""

        WAITING = "waiting"
        ACCEPTED = "accepted"
        REFUSED = "refused"
        BLOCKED = "blocked"

    id = models.BigAutoField(primary_key=True)
    way = models.CharField(max_length=8, choices=Way.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: None for a claim until somebody claims it.
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE, related_name="newcomers")
    station = models.ForeignKey("stations.Station", null=True, on_delete=models.CASCADE, related_name="newcomers")
    serial = models.CharField(max_length=64)
    #: Model, system and agent, as reported by the device.
    hardware = models.JSONField(default=dict)
    #: The network address of the request.
    address = models.CharField(max_length=45, blank=True)
    secret_hash = models.CharField(max_length=64, unique=True)
    #: Hash of the short code that people type; empty for an arrival.
    code_hash = models.CharField(max_length=64, blank=True, default="")
    arrived_at = models.DateTimeField()
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: When the owners were told that nobody has answered.
    told_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        """Found by its code, and listed per organization, newest first."""

        constraints = [
            models.UniqueConstraint(fields=["code_hash"], name="newcomer_code_once", condition=~Q(code_hash=""))
        ]
        indexes = [
            models.Index(fields=["organization", "state", "-id"], name="newcomer_of_organization"),
            models.Index(fields=["expires_at"], name="newcomer_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.serial} ({self.state})"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.serial
