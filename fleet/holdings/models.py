"""Files that stations hold, as their manifests tell, and the sums of each station."""

from django.db import models

from fleet.stations.models import Station


class HeldFile(models.Model):
    """A file on a station's own disk, as its station told last.

    held ──the station tells another content──▶ held, with another SHA-256
      └──it is no longer there──▶ gone ──it is back──▶ held
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="held_files")
    #: As text, see `formats.paths`.
    path = models.CharField(max_length=512)
    octets = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    #: By the station's clock.
    modified_at = models.DateTimeField(null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    #: Lines by kind; empty if the station does not know them.
    lines = models.JSONField(default=dict)
    is_gone = models.BooleanField(default=False)
    #: Position of the message in its station's sequence, and the listing that named the file last.
    said_at = models.DateTimeField()
    said_stream = models.CharField(max_length=64)
    said_seq = models.BigIntegerField()
    listing = models.BigIntegerField()
    first_told_at = models.DateTimeField()

    class Meta:
        """A path is one file of its station."""

        constraints = [models.UniqueConstraint(fields=["station", "path"], name="held_file_once")]

    def __str__(self) -> str:
        return self.path


class StationHolding(models.Model):
    """The sums of a station's newest manifest, and what Roost did not list of it."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="holding")
    said_at = models.DateTimeField()
    said_stream = models.CharField(max_length=64)
    said_seq = models.BigIntegerField()
    received_at = models.DateTimeField()
    #: Files at rest, and files that grow or are not hashed yet, by the station's own count.
    held = models.BigIntegerField()
    held_octets = models.BigIntegerField()
    waiting = models.BigIntegerField()
    waiting_octets = models.BigIntegerField()
    #: Number of files that the station does not list, by reason.
    left = models.JSONField(default=dict)
    network = models.CharField(max_length=32, blank=True, default="")
    #: When the station last finished telling everything.
    listed_at = models.DateTimeField(null=True)
    #: Files of its newest listing that are not listed here because the station has too many.
    refused = models.BigIntegerField(default=0, db_default=0)
    refused_listing = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.held} files of {self.station_id}"
