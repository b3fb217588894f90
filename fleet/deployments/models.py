"""Sites, and deployments: a station at a site for a time."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class Site(models.Model):
    """A named place of an organization. Coordinates are degrees WGS 84, elevation metres."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="sites")
    name = models.CharField(max_length=120)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    elevation_m = models.FloatField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")

    class Meta:
        """A name is given once in an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="site_name_once")]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """A station at a site from a moment to a moment; an open end means that it is still there."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="deployments")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="deployments")
    period = DateTimeRangeField()

    class Meta:
        """No station is at two places at once; the database holds that."""

        constraints = [
            ExclusionConstraint(
                name="deployment_one_place_at_a_time",
                expressions=[("station", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
            )
        ]

    def __str__(self) -> str:
        return f"{self.station_id} at {self.site_id}"
