"""Sites with their rooms, and deployments: a station at a site for a time, with its antennas, public or not."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class Site(models.Model):
    """A named place of an organization. Coordinates are degrees WGS 84, elevation is in metres."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="sites")
    name = models.CharField(max_length=120)
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    elevation_m = models.FloatField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    #: As people write it locally; not checked against any country's rules.
    street = models.CharField(max_length=200, blank=True, default="", db_default="")
    postal_code = models.CharField(max_length=20, blank=True, default="", db_default="")
    city = models.CharField(max_length=120, blank=True, default="", db_default="")
    country = models.CharField(max_length=80, blank=True, default="", db_default="")
    notes = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """Names are unique within an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="site_name_once")]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name


class Room(models.Model):
    """A room at a site: its size in square metres, its height in metres, and how many people it holds."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="rooms")
    name = models.CharField(max_length=120)
    size_sqm = models.FloatField(null=True, blank=True)
    height_m = models.FloatField(null=True, blank=True)
    occupancy = models.IntegerField(null=True, blank=True)

    class Meta:
        """Names are unique within a site."""

        constraints = [models.UniqueConstraint("site", Lower("name"), name="room_name_once")]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """A station at a site for a period; without an end it is still there.

    Of a public deployment everybody can read the place, organization, site, room, period and antennas, the station's
    name, and its serial if an operator chose so. Only `fleet.deployments.places.place_shown` decides how exactly the
    place is shown, and from when.
    """

    class Location(models.TextChoices):
        """How exactly a public place is shown."""

        EXACT = "exact"
        BLURRED = "blurred"
        WITHHELD = "withheld"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="deployments")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="deployments")
    room = models.ForeignKey(Room, null=True, blank=True, on_delete=models.SET_NULL, related_name="deployments")
    period = DateTimeRangeField()
    description = models.TextField(blank=True, default="", db_default="")
    #: The station's exact position if it differs from the site's; it stays when the site's coordinates change.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    #: The person or key that created the deployment, with the name at that time.
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    placed_by_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    is_public = models.BooleanField(default=False, db_default=False)
    #: Its id in public URLs; reveals nothing about the station.
    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    location = models.CharField(max_length=16, choices=Location.choices, default=Location.EXACT, db_default="exact")
    blur_radius_m = models.FloatField(null=True, blank=True)
    #: A withheld place is hidden from everybody else until then; without a date, forever.
    withheld_until = models.DateTimeField(null=True, blank=True)
    #: Whether everybody can also read the station's serial, as Motus shows it.
    is_serial_public = models.BooleanField(default=False, db_default=False)

    class Meta:
        """A station cannot be at two places at once; the database enforces that."""

        constraints = [
            ExclusionConstraint(
                name="deployment_one_place_at_a_time",
                expressions=[("station", RangeOperators.EQUAL), ("period", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(
                name="deployment_blur_has_a_radius",
                condition=~Q(location="blurred") | Q(blur_radius_m__gt=0),
            ),
        ]
        indexes = [models.Index(fields=["-id"], name="deployment_public", condition=Q(is_public=True))]

    def __str__(self) -> str:
        return f"{self.station_id} at {self.site_id}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.station.organization_id, f"{self.station.serial} at {self.site.name}"


class Antenna(models.Model):
    """An antenna of a deployment. Bearing in degrees from true north, height in metres, frequency in megahertz."""

    class Polarization(models.TextChoices):
        """How its elements stand."""

        HORIZONTAL = "horizontal"
        VERTICAL = "vertical"
        CIRCULAR = "circular"

    id = models.BigAutoField(primary_key=True)
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="antennas")
    port = models.IntegerField()
    type = models.CharField(max_length=60, blank=True)
    bearing_deg = models.FloatField(null=True, blank=True)
    height_m = models.FloatField(null=True, blank=True)
    frequency_mhz = models.FloatField(null=True, blank=True)
    #: Its cable, as people in the field write it: "LMR-400 8 m".
    cable = models.CharField(max_length=60, blank=True, default="", db_default="")
    #: The angle in which it receives at least half the power that it does straight ahead, in degrees; 360: all around.
    beam_width_deg = models.FloatField(null=True, blank=True)
    polarization = models.CharField(max_length=10, choices=Polarization.choices, blank=True, default="", db_default="")

    class Meta:
        """One antenna per port."""

        constraints = [models.UniqueConstraint(fields=["deployment", "port"], name="antenna_port_once")]

    def __str__(self) -> str:
        return f"{self.port}: {self.type}"
