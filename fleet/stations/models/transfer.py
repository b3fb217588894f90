"""Offers to transfer a station to another organization."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization


class History(models.TextChoices):
    """Whether the station's history stays with the organization it leaves, or goes with the station."""

    STAYS = "stays"
    GOES = "goes"


class StationTransfer(models.Model):
    """A station offered to whichever organization has the code. The code is shown once and stored hashed.

    open ──an operator of another organization takes it──▶ accepted
      ├──withdrawn, or offered again──▶ withdrawn
      └──seven days──▶ expired
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey("stations.Station", on_delete=models.CASCADE, related_name="transfers")
    code_hash = models.CharField(max_length=64, unique=True)
    history = models.CharField(max_length=8, choices=History.choices, default=History.STAYS)
    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    offered_by_name = models.CharField(max_length=150, blank=True)
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    accepted_by_name = models.CharField(max_length=150, blank=True)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        """At most one open offer per station."""

        constraints = [
            models.UniqueConstraint(
                fields=["station"], name="transfer_open_once", condition=Q(accepted_at=None, withdrawn_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"transfer {self.pk} of station {self.station_id}"
