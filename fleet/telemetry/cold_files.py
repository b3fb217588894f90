"""Files of cold storage: which months of which stations are kept as Parquet beside the database."""

from django.db import models
from django.db.models import Q

from fleet.stations.models import Station


class ColdFile(models.Model):
    """The readings or detections of one station in one month, as a Parquet file on the disk or in the object store.

        writing ──stored──▶ written ──read back──▶ verified ──its rows deleted, in this transaction──▶ cold
           └──────────────────┴──────────────────────┴──not what it should be──▶ over ◀──replaced, or thawed──┘

    Until a file is cold, nobody reads it, and all its rows are in the table or in the file that it replaces. The
    transaction that makes it cold deletes the rows from the table and ends the replaced file. Files that are over are
    deleted later, first the bytes and then the row; see `fleet.telemetry.cold.steps`.
    """

    class State(models.TextChoices):
        """Progress of the file."""

        WRITING = "writing", "writing"
        WRITTEN = "written", "written"
        VERIFIED = "verified", "verified"
        COLD = "cold", "cold"
        OVER = "over", "over"

    #: States of a file that is being made.
    MADE = (State.WRITING, State.WRITTEN, State.VERIFIED)

    class Kind(models.TextChoices):
        """The kind of its rows; see `fleet.telemetry.cold.tables`."""

        READINGS = "readings", "readings"
        DETECTIONS = "detections", "detections"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.READINGS, db_default=Kind.READINGS)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="cold_files")
    #: The first day of the month, by the station's clock in UTC.
    month = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WRITING)
    #: Which of Django's storages has it, and its name there.
    place = models.CharField(max_length=8)
    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, blank=True)
    octets = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    #: Moments of its first and last row; older files of readings have none. Readings are found by `ColdPart` instead.
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    #: Number of its rows that come from the table, not from the file that it replaces.
    rows_new = models.BigIntegerField(default=0)
    #: Sum of the hashes of its rows, computed by the database (numeric, as text).
    checksum = models.CharField(max_length=40, blank=True)
    replaces = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    #: Late rows of this month that were already cold, moved by microseconds beside another value, or left out.
    known = models.BigIntegerField(default=0)
    moved = models.BigIntegerField(default=0)
    left_out = models.BigIntegerField(default=0)
    begun_at = models.DateTimeField()
    cold_at = models.DateTimeField(null=True)
    over_at = models.DateTimeField(null=True)
    #: Why it is over, if it never became cold.
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        """A station's month has at most one cold and one unfinished file, each for readings and for detections."""

        constraints = [
            models.UniqueConstraint(fields=["station", "month", "kind"], condition=Q(state="cold"), name="cold_once"),
            models.UniqueConstraint(
                fields=["station", "month", "kind"],
                condition=Q(state__in=["writing", "written", "verified"]),
                name="made_once",
            ),
        ]
        indexes = [models.Index(fields=["over_at"], condition=Q(state="over"), name="cold_over")]

    def __str__(self) -> str:
        return self.name


class ColdPart(models.Model):
    """The readings of one series in a cold file. Made when the file becomes cold, deleted when it is over."""

    pk = models.CompositePrimaryKey("series", "file")
    series = models.ForeignKey("telemetry.Series", on_delete=models.CASCADE, related_name="cold_parts")
    file = models.ForeignKey(ColdFile, on_delete=models.CASCADE, related_name="parts")
    rows = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.series_id} in {self.file_id}: {self.rows}"
