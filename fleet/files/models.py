"""The stations' own data files, known by name from the rows that name them, and photos."""

from django.conf import settings
from django.db import models

from fleet.deployments.models import Deployment
from fleet.stations.models import Station


class StationFile(models.Model):
    """One file on a station of which lines have come home, and how many."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=256)
    rows = models.BigIntegerField(default=0)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()

    class Meta:
        """A name is one file of its station."""

        constraints = [models.UniqueConstraint(fields=["station", "name"], name="file_name_once")]

    def __str__(self) -> str:
        return self.name


class Photo(models.Model):
    """A picture of a station, or of how it was put up. Its files lie under `name`, which nobody can guess."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="photos")
    #: How it stood there; None for a picture of the device.
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.SET_NULL, related_name="photos")
    name = models.CharField(max_length=32, unique=True)
    width = models.IntegerField()
    height = models.IntegerField()
    octets = models.IntegerField()
    caption = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Person or key, as it was called then.
    added_by_name = models.CharField(max_length=150, blank=True)
    added_at = models.DateTimeField()
    #: Whether everybody may see it where its deployment is public and told exactly; see `fleet.files.photos_public`.
    is_public = models.BooleanField(default=False, db_default=False)

    class Meta:
        """Listed by station, newest first."""

        indexes = [models.Index(fields=["station", "-id"], name="photo_of_station")]

    def __str__(self) -> str:
        return self.caption or self.name
