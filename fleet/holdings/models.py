"""Files that stations hold, as their manifests list them, with each station's totals, and fetch policies."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class HeldFile(models.Model):
    """A file on a station's own disk, as the station last reported it.

    held ──asked──▶ asked ──the station reports the end──▶ ended (stored, or asked again)
    held ──the station reports other content──▶ held, with another SHA-256, neither asked nor ended
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
    #: Number of lines of each kind; empty if the station does not know.
    lines = models.JSONField(default=dict)
    is_gone = models.BooleanField(default=False)
    #: The last message about the file, by its place in the station's sequence, and the number of its listing.
    said_at = models.DateTimeField()
    said_stream = models.CharField(max_length=64)
    said_seq = models.BigIntegerField()
    listing = models.BigIntegerField()
    first_told_at = models.DateTimeField()

    #: When a person chose it, whatever the policy says about its kind, age and size.
    wanted_at = models.DateTimeField(null=True)
    wanted_by_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    #: When the station was last asked for this content, until when it may upload it (None once that is over), and with
    #: which command.
    asked_at = models.DateTimeField(null=True)
    asked_until = models.DateTimeField(null=True)
    asked_with = models.UUIDField(null=True)
    #: The station's report on the last upload of this content, and how many bytes it has sent for it in total.
    end = models.CharField(max_length=8, blank=True, default="", db_default="")
    end_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    ended_at = models.DateTimeField(null=True)
    octets_sent = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        """A path is one file of its station; indexes for the few files that are asked for or chosen."""

        constraints = [models.UniqueConstraint(fields=["station", "path"], name="held_file_once")]
        indexes = [
            models.Index(fields=["station", "asked_at"], name="held_file_asked", condition=~Q(asked_at=None)),
            models.Index(fields=["station"], name="held_file_wanted", condition=~Q(wanted_at=None)),
        ]

    def __str__(self) -> str:
        return self.path


class StationHolding(models.Model):
    """The totals of a station's newest manifest, and how many files are not listed here."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="holding")
    said_at = models.DateTimeField()
    said_stream = models.CharField(max_length=64)
    said_seq = models.BigIntegerField()
    received_at = models.DateTimeField()
    #: Files that no longer change, and files that still grow or are not hashed yet, as the station counts them.
    held = models.BigIntegerField()
    held_octets = models.BigIntegerField()
    waiting = models.BigIntegerField()
    waiting_octets = models.BigIntegerField()
    #: Number of files that the station does not list, by reason.
    left = models.JSONField(default=dict)
    network = models.CharField(max_length=32, blank=True, default="")
    #: When the station last finished a complete listing.
    listed_at = models.DateTimeField(null=True)
    #: Files of its newest listing that are not stored here because the station has too many, and that listing.
    refused = models.BigIntegerField(default=0, db_default=0)
    refused_listing = models.BigIntegerField(default=0, db_default=0)
    #: A large card's totals by state, counted by a job: rows of state, reason, files and bytes. Then when they were
    #: counted, and under which policy.
    sums = models.JSONField(default=list, db_default=[])
    summed_at = models.DateTimeField(null=True)
    summed_for = models.CharField(max_length=300, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return f"{self.held} files of {self.station_id}"


class FetchPolicy(models.Model):
    """Which files Roost fetches: from one station, or from all stations of an organization without their own policy."""

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
    #: Hours of the organization's day in which files are fetched: from the first up to the second, past midnight if the
    #: second is smaller. Both None: at any hour.
    hour_from = models.SmallIntegerField(null=True)
    hour_to = models.SmallIntegerField(null=True)
    #: Only files whose last line (or else last change) is at most this many days old; None: of any age.
    days_most = models.IntegerField(null=True)
    is_newest_first = models.BooleanField(default=True)
    #: Only over these kinds of network; empty: over any.
    networks = ArrayField(models.CharField(max_length=16), default=list)
    changed_at = models.DateTimeField()
    changed_by_name = models.CharField(max_length=150)

    class Meta:
        """A policy belongs to a station or to an organization, never to both."""

        constraints = [
            models.CheckConstraint(
                condition=Q(organization=None, station__isnull=False) | Q(organization__isnull=False, station=None),
                name="fetch_policy_of_one",
            )
        ]

    def __str__(self) -> str:
        return self.mode
