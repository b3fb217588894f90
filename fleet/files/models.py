"""Stations' own data files, known by the names in their rows, and photos."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.deployments.models import Deployment
from fleet.files.store.models import FileRevision, StoreAccount, StoredContent, StoredFile, Upload
from fleet.stations.models import Station

__all__ = [
    "FileMove",
    "FileMoveTwin",
    "FileRevision",
    "Photo",
    "StationFile",
    "StoreAccount",
    "StoredContent",
    "StoredFile",
    "Upload",
]


class StationFile(models.Model):
    """One file on a station: which rows arrived, and what its station reports about the rest.

        (rows arrived, nothing reported yet) ──account──▶ open ──▶ done | refused | foreign | gone

    The account only moves forward, see `fleet.ingest.stages.file_accounts`. Detections and positions refer to their
    file by id.
    """

    class State(models.TextChoices):
        """State that the station reports; empty before its first report."""

        UNSAID = "", "no account"
        OPEN = "open", "open"
        DONE = "done", "read to its end"
        REFUSED = "refused", "refused"
        FOREIGN = "foreign", "of another station"
        GONE = "gone", "gone"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="files")
    #: Its path below the data folder, or the name in its rows while there is no account; `base` is the last part of the
    #: path.
    name = models.CharField(max_length=256)
    base = models.CharField(max_length=256, default="", db_default="")
    rows = models.BigIntegerField(default=0)
    #: The first and last moment in its rows, by the station's clock: searches for its rows stay within these.
    rows_from = models.DateTimeField(null=True)
    rows_to = models.DateTimeField(null=True)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()
    #: The station it came from, if a person moved it here; see `fleet.ingest.corrections.file_moves`.
    moved_from = models.ForeignKey(Station, null=True, on_delete=models.SET_NULL, related_name="files_moved_away")
    is_moved_here = models.BooleanField(default=False, db_default=False)

    state = models.CharField(max_length=8, choices=State.choices, default=State.UNSAID, db_default="", blank=True)
    octets = models.BigIntegerField(default=0, db_default=0)
    start_at = models.DateTimeField(null=True)
    bytes_read = models.BigIntegerField(default=0, db_default=0)
    bytes_unread = models.BigIntegerField(default=0, db_default=0)
    bytes_taken = models.BigIntegerField(default=0, db_default=0)
    bytes_known = models.BigIntegerField(default=0, db_default=0)
    bytes_kept_back = models.BigIntegerField(default=0, db_default=0)
    bytes_refused = models.BigIntegerField(default=0, db_default=0)
    lines_read = models.BigIntegerField(default=0, db_default=0)
    lines_taken = models.BigIntegerField(default=0, db_default=0)
    lines_known = models.BigIntegerField(default=0, db_default=0)
    lines_kept_back = models.BigIntegerField(default=0, db_default=0)
    lines_refused = models.BigIntegerField(default=0, db_default=0)
    is_damaged = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(max_length=256, default="", db_default="", blank=True)
    #: Number of refused lines per reason.
    refusals = models.JSONField(default=dict, db_default={})
    #: Position of this account in its station's sequence, and whether a desk reported it.
    said_at = models.DateTimeField(null=True)
    said_stream = models.CharField(max_length=64, default="", db_default="", blank=True)
    said_seq = models.BigIntegerField(default=0, db_default=0)
    is_by_desk = models.BooleanField(default=False, db_default=False)

    class Meta:
        """A name is one file of its station, apart from files that were moved here."""

        constraints = [
            models.UniqueConstraint(fields=["station", "name"], condition=Q(is_moved_here=False), name="file_name_once")
        ]
        indexes = [
            models.Index(fields=["station", "base"], name="file_by_base"),
            models.Index(fields=["station", "-last_received_at", "-id"], name="file_newest_first"),
        ]

    def __str__(self) -> str:
        return self.name


class FileMove(models.Model):
    """A move of files with their rows from one station to another of the same organization.

    done ──undo──▶ undone     (once, including the rows that the other station already had)
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="file_moves")
    target = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="file_moves_here")
    moved_at = models.DateTimeField()
    moved_by_name = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True)
    undone_by_name = models.CharField(max_length=150, blank=True)
    files = models.IntegerField()
    #: Rows that were moved, and rows that the other station already had; the latter are kept in `FileMoveTwin`.
    rows = models.BigIntegerField()
    twins = models.BigIntegerField()
    #: Rows that stayed, because the other station has different rows with their keys.
    left = models.BigIntegerField(default=0, db_default=0)
    file_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{self.files} files of {self.station_id} to {self.target_id}"


class FileMoveTwin(models.Model):
    """A row of a moved file that the other station already had: kept as it was, so that the move can be undone."""

    id = models.BigAutoField(primary_key=True)
    move = models.ForeignKey(FileMove, on_delete=models.CASCADE, related_name="twin_rows")
    table = models.CharField(max_length=32)
    row = models.JSONField()

    def __str__(self) -> str:
        return f"{self.move_id} {self.table}"


class Photo(models.Model):
    """A picture of a station or of its installation. Its files are stored under `name`, which nobody can guess."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="photos")
    #: The deployment it shows; None for a picture of the device itself.
    deployment = models.ForeignKey(Deployment, null=True, on_delete=models.SET_NULL, related_name="photos")
    name = models.CharField(max_length=32, unique=True)
    width = models.IntegerField()
    height = models.IntegerField()
    octets = models.IntegerField()
    caption = models.CharField(max_length=200, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Name of the person or key at that time.
    added_by_name = models.CharField(max_length=150, blank=True)
    added_at = models.DateTimeField()
    #: Whether everybody may see it while its deployment's exact place is public; see `fleet.files.photos_public`.
    is_public = models.BooleanField(default=False, db_default=False)

    class Meta:
        """Listed by station, newest first."""

        indexes = [models.Index(fields=["station", "-id"], name="photo_of_station")]

    def __str__(self) -> str:
        return self.caption or self.name
