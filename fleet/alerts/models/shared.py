"""Failures that stations share: many of one site, network or organization fell silent almost together."""

from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization


class SharedFailure(models.Model):
    """More than half of the stations of a site, network or organization fell silent within a short time: one incident.

        open ──at most a quarter of its stations are still silent──▶ closed
         └──another of its stations falls silent soon after the last: it joins──┘

    The stations' own incidents refer to it (`Incident.shared`), and send nothing while it is open. Its own messages are
    notifications with `shared`. Only the sweep of silence changes it, see `fleet.alerts.grouping.shared`.
    """

    class Cause(models.TextChoices):
        """The thing that its stations share; the narrowest first."""

        SITE = "site"
        NETWORK = "network"
        ORGANIZATION = "organization"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="shared_failures")
    cause = models.CharField(max_length=16, choices=Cause.choices)
    #: Which one: the site's id, the network's name, or nothing. And its name for people, when the failure opened.
    subject = models.CharField(max_length=120, blank=True)
    name = models.CharField(max_length=200)
    #: Stations there that were expected to report, and how many of them fell silent, including any that are back.
    total = models.IntegerField()
    fallen = models.IntegerField()
    #: When the first and the last of these became silent.
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: Of a closed failure: stations that were still silent when it closed.
    left_silent = models.IntegerField(null=True)

    class Meta:
        """One open failure per site, network or organization."""

        constraints = [
            models.UniqueConstraint(
                fields=["organization", "cause", "subject"], name="shared_open_once", condition=Q(closed_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.fallen} of {self.total} at {self.cause} {self.name}"
