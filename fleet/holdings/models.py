"""Files that stations hold, as their manifests tell, and the sums of each station."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class HeldFile(models.Model):
    """A file on a station's own disk, as its station told last.

    held ──asked──▶ asked ──the station's end──▶ ended (stored, or asked again)
    held ──the station tells another content──▶ held, with another SHA-256, neither asked nor ended
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

    #: A person wants it, whatever the policy says of its kind, age and size.
    wanted_at = models.DateTimeField(null=True)
    wanted_by_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    #: When the station was last asked for this content, with which command, and until when it may upload it; no `until`
    #: once that has ended.
    asked_at = models.DateTimeField(null=True)
    asked_until = models.DateTimeField(null=True)
    asked_with = models.UUIDField(null=True)
    #: The station's report on the last upload of this content, and how many bytes it sent for it in all.
    end = models.CharField(max_length=8, blank=True, default="", db_default="")
    end_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    ended_at = models.DateTimeField(null=True)
    octets_sent = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        """A path is one file of its station; a few are asked for."""

        constraints = [models.UniqueConstraint(fields=["station", "path"], name="held_file_once")]
        indexes = [
            models.Index(fields=["station", "asked_at"], name="held_file_asked", condition=~Q(asked_at=None)),
            models.Index(fields=["station"], name="held_file_wanted", condition=~Q(wanted_at=None)),
        ]

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
    #: The sums by state of a large card, counted by a job: rows of state, reason, files and bytes; when, and under which
    #: policy.
    sums = models.JSONField(default=list, db_default=[])
    summed_at = models.DateTimeField(null=True)
    summed_for = models.CharField(max_length=300, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"{self.held} files of {self.station_id}"


class FetchPolicy(models.Model):
    """Which files Roost fetches: of one station, or of all stations of an organization that have none of their own."""

    class Mode(models.TextChoices):
        """The files that are fetched."""

        NONE = "none", "nothing"
        ON_DEMAND = "demand", "what people choose"
        DETECTIONS = "heard", "files with detections"
        ALL = "all", "all files"

    id = models.BigAutoField(primary_key=True)
    organization = models.OneToOneField(Organization, null=True, on_delete=models.CASCADE, related_name="fetch_policy")
    station = models.OneToOneField(Station, null=True, on_delete=models.CASCADE, related_name="fetch_policy")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.NONE)
    #: Bytes that may be asked for in a UTC day; None: any number.
    octets_per_day = models.BigIntegerField(null=True)
    #: Hours of the organization's day in which is fetched: from the first to before the second, past midnight if it is
    #: smaller; both None: at any hour.
    hour_from = models.SmallIntegerField(null=True)
    hour_to = models.SmallIntegerField(null=True)
    #: Only files whose last line, or else last change, is at most so many days ago; None: of any age.
    days_most = models.IntegerField(null=True)
    is_newest_first = models.BooleanField(default=True)
    #: Only over these kinds of network; empty: over any.
    networks = ArrayField(models.CharField(max_length=16), default=list)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=150)

    class Meta:
        """Of a station or of an organization."""

        constraints = [
            models.CheckConstraint(
                condition=Q(organization=None, station__isnull=False) | Q(organization__isnull=False, station=None),
                name="fetch_policy_of_one",
            )
        ]

    def __str__(self) -> str:
        return self.mode
