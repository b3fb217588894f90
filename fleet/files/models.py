"""The stations' own data files, known by name from the rows that name them, and photos."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.deployments.models import Deployment
from fleet.stations.models import Station


class StationFile(models.Model):
    """One file on a station: what came home of it, and what its station says has become of the rest.

        (rows came, nothing said yet) ──account──▶ open ──▶ done | refused | foreign | gone

    The account moves only forward, see `fleet.ingest.stages.file_accounts`. Detections and positions name their file by its id.
    """

    class State(models.TextChoices):
        """By the station's word; empty while it has said none."""

        UNSAID = "", "no account"
        OPEN = "open", "open"
        DONE = "done", "read to its end"
        REFUSED = "refused", "refused"
        FOREIGN = "foreign", "of another station"
        GONE = "gone", "gone"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="files")
    #: Its path below the data folder, or as its rows name it while there is no account: `base`, the path's last part.
    name = models.CharField(max_length=256)
    base = models.CharField(max_length=256, default="", db_default="")
    rows = models.BigIntegerField(default=0)
    #: The first and the last moment in its rows, by the station's clock: they are looked for between the two.
    rows_from = models.DateTimeField(null=True)
    rows_to = models.DateTimeField(null=True)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()
    #: The station that it came from, where a person moved it here; see `fleet.ingest.corrections.file_moves`.
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
    #: Lines refused, by a word for the reason.
    refusals = models.JSONField(default=dict, db_default={})
    #: Where in the word of its station this account stands, and whether a desk gave it.
    said_at = models.DateTimeField(null=True)
    said_stream = models.CharField(max_length=64, default="", db_default="", blank=True)
    said_seq = models.BigIntegerField(default=0, db_default=0)
    is_by_desk = models.BooleanField(default=False, db_default=False)

    class Meta:
        """A name is one file of its station, besides those that were moved here."""

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

    done ──undo──▶ undone     (once, with the rows that the other station had already put back)
    """

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="file_moves")
    target = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="file_moves_here")
    moved_at = models.DateTimeField()
    moved_by_name = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True)
    undone_by_name = models.CharField(max_length=150, blank=True)
    files = models.IntegerField()
    #: Rows that went over, and rows that the other station had already: those are kept in `FileMoveTwin`.
    rows = models.BigIntegerField()
    twins = models.BigIntegerField()
    file_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"{self.files} files of {self.station_id} to {self.target_id}"


class FileMoveTwin(models.Model):
    """A row of a moved file that the other station had already: kept as it was, so that a move can be undone."""

    id = models.BigAutoField(primary_key=True)
    move = models.ForeignKey(FileMove, on_delete=models.CASCADE, related_name="twin_rows")
    table = models.CharField(max_length=32)
    row = models.JSONField()

    def __str__(self) -> str:
        return f"{self.move_id} {self.table}"


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
