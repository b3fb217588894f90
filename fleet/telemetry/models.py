"""Series, readings, detections, positions, station events, and the delivery ledger.

Row tables have composite keys made of what the station itself sent, so that a row sent twice is one row. They are
written by COPY in `fleet.ingest`, not through the ORM.
"""

from datetime import datetime
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.db.models.functions import Least, Now, Upper

from fleet.stations.models import Station
from fleet.telemetry import cold_files  # noqa: F401 - Django finds its models through this module
from fleet.telemetry.fields import Int8MultirangeField
from fleet.telemetry.keeping.models import SeriesTally


class Suspicion(models.IntegerChoices):
    """Reasons for doubting a row, as bits of `flags`. The row is kept and marked."""

    EPOCH = 1, "clock not set (1970 or 2000-01-01)"
    FUTURE = 2, "ahead of the server's clock"
    UNSYNCHRONISED = 4, "station clock not synchronised"
    ANCIENT = 8, "before 2010"
    DAMAGED_FILE = 16, "from a damaged file"
    OUTSIDE = 32, "outside the limits of its quantity"
    SAME_MOMENT = 64, "another value has the same moment; moved by microseconds"
    SHIFTED = 128, "moved to the right time by a person"


#: Flags that keep a row from becoming a series' newest value.
NOT_NEWEST: Final = Suspicion.EPOCH | Suspicion.FUTURE


class Series(models.Model):
    """One measured quantity of one station, with its newest value (by the station's clock)."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=128)
    #: Unit of all its values: values in another unit of the dimension are converted. Empty until a value brings one.
    unit = models.CharField(max_length=32, blank=True)
    #: The unit of its values, an SI unit; see `message_queue.units`.
    dimension = models.CharField(max_length=32, blank=True, default="", db_default="")
    #: Another series already had its name, so the unit distinguishes this one.
    is_other = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    last_value = models.FloatField(null=True)
    last_flags = models.SmallIntegerField(default=0, db_default=0)
    last_received_at = models.DateTimeField(null=True)
    #: Retention removed the readings and the hourly roll-ups from before these moments.
    raw_from = models.DateTimeField(null=True)
    hours_from = models.DateTimeField(null=True)

    class Meta:
        """Name and dimension identify a series of a station."""

        constraints = [models.UniqueConstraint(fields=["station", "name", "dimension"], name="series_once")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.name}"

    @property
    def reference(self) -> str:
        """Its name among the station's series, in URLs and for people: `level`, or `level[%RH]`."""
        return f"{self.name}[{self.unit}]" if self.is_other else self.name

    @property
    def away(self) -> SeriesTally:
        """Its readings that a rule kept away; zeros while there are none."""
        return getattr(self, "tally", None) or SeriesTally(series=self)


class Reading(models.Model):
    """One value of one series."""

    pk = models.CompositePrimaryKey("series", "occurred_at")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    #: Station's clock; `received_at` is ours.
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    value = models.FloatField()
    flags = models.SmallIntegerField(default=0)
    #: As sent, if it was converted to the unit of its series.
    sent_value = models.FloatField(null=True)
    sent_unit = models.CharField(max_length=32, null=True)  # noqa: DJ001 - not converted is not converted from no unit
    #: If a person moved the row to the right time: the move, and its flags before; see `TimeShift`.
    shift_id = models.BigIntegerField(null=True)
    flags_before = models.SmallIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.series_id} {self.occurred_at} {self.value}"


class Detection(models.Model):
    """One pulse (`kind` 1) or coded tag (`kind` 2) detected on one port.

    `line` is the line in the station's own file; together with time, port and kind it identifies the row.
    """

    class Kind(models.IntegerChoices):
        """Kind of detection."""

        PULSE = 1
        TAG = 2

    pk = models.CompositePrimaryKey("station", "occurred_at", "port", "kind", "line")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    occurred_at = models.DateTimeField()
    port = models.SmallIntegerField()
    kind = models.SmallIntegerField(choices=Kind.choices)
    line = models.IntegerField()
    received_at = models.DateTimeField()
    #: kHz from the tuned frequency; dB; dB; dB. Tags have a code and the radio's own strength figure instead.
    freq = models.FloatField(null=True)
    sig = models.FloatField(null=True)
    noise = models.FloatField(null=True)
    snr = models.FloatField(null=True)
    tag = models.CharField(max_length=64, null=True)  # noqa: DJ001 - a pulse has no tag, which is not an empty tag
    rssi = models.FloatField(null=True)
    #: Only from CTT SensorStations: the node that heard the tag, if not the station itself; whether the radio checked
    #: the tag's checksum, if reported; and all other columns of the row in the file.
    node = models.CharField(max_length=16, null=True)  # noqa: DJ001 - heard by no node is not a node without a name
    is_validated = models.BooleanField(null=True)
    also = models.JSONField(null=True)
    is_used = models.BooleanField(default=True)
    flags = models.SmallIntegerField(default=0)
    #: Id of the station's file that contained it (`fleet.files.models.StationFile`), if known.
    file_id = models.BigIntegerField(null=True)
    #: If a person moved the row to the right time: the move, and its flags before; see `TimeShift`.
    shift_id = models.BigIntegerField(null=True)
    flags_before = models.SmallIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.station_id} {self.occurred_at} port {self.port}"


class Position(models.Model):
    """One GPS fix, or a failed attempt at one (no coordinates)."""

    pk = models.CompositePrimaryKey("station", "occurred_at", "line", "source")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    occurred_at = models.DateTimeField()
    line = models.IntegerField()
    #: Which of the station's files (`all`, `ctt`) it came from; part of the key because both begin with the same lines.
    source = models.CharField(max_length=16, default="", blank=True)
    received_at = models.DateTimeField()
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    altitude_m = models.FloatField(null=True)
    flags = models.SmallIntegerField(default=0)
    #: As in `Detection`.
    file_id = models.BigIntegerField(null=True)
    #: If a person moved the row to the right time: the move, and its flags before; see `TimeShift`.
    shift_id = models.BigIntegerField(null=True)
    flags_before = models.SmallIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.station_id} {self.occurred_at}"


class StationEvent(models.Model):
    """Something that happened at a station: a clock step, a setting, a radio that stalled."""

    pk = models.CompositePrimaryKey("station", "occurred_at", "name", "line", "source")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    occurred_at = models.DateTimeField()
    name = models.CharField(max_length=128)
    line = models.IntegerField()
    #: Which of the station's files (`all`, `ctt`) it came from; part of the key because both begin with the same lines.
    source = models.CharField(max_length=16, default="", blank=True)
    received_at = models.DateTimeField()
    port = models.SmallIntegerField(null=True)
    data = models.JSONField(default=dict)
    flags = models.SmallIntegerField(default=0)
    #: If a person moved the row to the right time: the move, and its flags before; see `TimeShift`.
    shift_id = models.BigIntegerField(null=True)
    flags_before = models.SmallIntegerField(null=True)

    class Meta:
        """Ordered by time, or by receipt if earlier: events from a clock that ran ahead must not hide newer ones."""

        indexes = [models.Index(F("station"), Least(F("occurred_at"), F("received_at")).desc(), name="event_placed")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.name}"

    @property
    def placed_at(self) -> datetime:
        """Its place among others: when it happened, or when it was received if that was earlier."""
        return min(self.occurred_at, self.received_at)


class TimeShift(models.Model):
    """A move of a station's rows by one offset, from the times of a clock that was not set to the right times.

        made ──a person undoes it──▶ undone: every row is at its old moment, with its old flags

    The moved rows carry its id. Their original time is the present one minus the offset, to the microsecond.
    """

    class Side(models.TextChoices):
        """Side of the moved rows: from before 2010, or from the future."""

        BEHIND = "behind"
        AHEAD = "ahead"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="time_shifts")
    side = models.CharField(max_length=8, choices=Side.choices)
    #: Microseconds added.
    offset_us = models.BigIntegerField()
    #: Only rows received from and before these moments; None is unbounded.
    received_from = models.DateTimeField(null=True)
    received_until = models.DateTimeField(null=True)
    #: First and last moment of the rows at their new times.
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    readings = models.BigIntegerField(default=0)
    detections = models.BigIntegerField(default=0)
    positions = models.BigIntegerField(default=0)
    events = models.BigIntegerField(default=0)
    #: Rows that were not moved because the station already has one with their key at the right time.
    left = models.BigIntegerField(default=0)
    #: Rows that arrived again at the old times, as from a card, and were removed: the moved ones are the same.
    again = models.BigIntegerField(default=0, db_default=0)
    made_at = models.DateTimeField()
    made_by_name = models.CharField(max_length=150, blank=True)
    undone_at = models.DateTimeField(null=True)
    undone_by_name = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return f"{self.station_id} by {self.offset_us} µs"

    @property
    def offset_s(self) -> float:
        """Seconds added."""
        return self.offset_us / 1e6

    @property
    def rows(self) -> int:
        """Number of all moved rows."""
        return self.readings + self.detections + self.positions + self.events


class StreamLedger(models.Model):
    """The received messages of one stream of one station: the proof of delivery.

    A number is in `received` exactly when the rows of its message are committed. Numbers missing below `next_seq`: from
    `oldest_seq` up they are still on the station, below it they are permanently lost.

    Numbers continue through the lives ("runs") of an agent. If two runs claim the same numbers, there are two machines,
    or the outbox went back in time: the later run becomes a branch, a row of its own called `<stream>~<run>`, and its
    messages wait in quarantine.

        held ──the trunk sends again: two machines──▶ cloned ──a person decides──▶ believed | discarded
         └──it does not: the outbox went back in time──▶ believed (its messages are accepted)
    """

    class Branch(models.TextChoices):
        """State of a branch; empty for a trunk."""

        TRUNK = ""
        HELD = "held"
        CLONED = "cloned"
        BELIEVED = "believed"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="streams")
    stream = models.CharField(max_length=64)
    received = Int8MultirangeField()
    #: According to the station's latest report; None until there is one.
    oldest_seq = models.BigIntegerField(null=True)
    next_seq = models.BigIntegerField(null=True)
    messages = models.BigIntegerField(default=0)
    #: Messages that arrived again and were dropped.
    repeats = models.BigIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    #: Runs of the agent in this stream, oldest first, and the first number of each. Only the newest are kept.
    runs = ArrayField(models.CharField(max_length=16), default=list)
    run_sinces = ArrayField(models.BigIntegerField(), default=list)
    #: When a new number of the newest run last arrived.
    newest_run_at = models.DateTimeField(null=True)
    branch = models.CharField(max_length=16, choices=Branch.choices, default=Branch.TRUNK, blank=True)
    #: A branch of this trunk is undecided: messages of a run that is not known yet are held too.
    is_contested = models.BooleanField(default=False)

    class Meta:
        """One row per stream of a station."""

        constraints = [models.UniqueConstraint(fields=["station", "stream"], name="stream_once")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.stream}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.station.organization_id, f"{self.station.serial}, stream {self.stream}"


class DetectionCount(models.Model):
    """Detections per station, hour, port and kind: plots and the fleet page read this instead of the rows."""

    pk = models.CompositePrimaryKey("station", "hour", "port", "kind")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    #: Start of the hour, by the station's clock.
    hour = models.DateTimeField()
    port = models.SmallIntegerField()
    kind = models.SmallIntegerField(choices=Detection.Kind.choices)
    count = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.station_id} {self.hour} port {self.port}: {self.count}"


class TagHour(models.Model):
    """Detections of one tag per station, hour and port: lists of tags read this instead of the rows."""

    pk = models.CompositePrimaryKey("station", "hour", "port", "tag")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    #: Start of the hour, by the station's clock.
    hour = models.DateTimeField()
    port = models.SmallIntegerField()
    #: As the station sent it. Upper and lower case are the same tag.
    tag = models.CharField(max_length=64)
    count = models.BigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    #: The greatest of the radio's own strength figures (dBm), if it gave any.
    strongest = models.FloatField(null=True)

    class Meta:
        """Indexed for finding one tag at all stations, the oldest hour first."""

        indexes = [models.Index(Upper("tag"), F("hour"), F("station"), name="tag_anywhere")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.hour} port {self.port} {self.tag}: {self.count}"


class TagHourDue(models.Model):
    """An hour whose tags must be counted (`TagHour`): from before Roost counted them, or with a detection left out.

    noted by the migration or by cold storage ──the job counts its rows──▶ deleted, in the same transaction
    """

    pk = models.CompositePrimaryKey("station", "hour")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    hour = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.station_id} {self.hour}"


class UnsequencedCount(models.Model):
    """Number of messages without stream and number, per station: accepted, but their delivery cannot be proven."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="unsequenced")
    messages = models.BigIntegerField(default=0)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.station_id}: {self.messages}"


class FileSummary(models.Model):
    """Sums over the accounts of a station's own files, kept current by ingest; excludes files of other stations."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, primary_key=True, related_name="file_summary")
    files = models.BigIntegerField(default=0)
    files_open = models.BigIntegerField(default=0)
    files_refused = models.BigIntegerField(default=0)
    files_foreign = models.BigIntegerField(default=0)
    files_gone = models.BigIntegerField(default=0)
    files_damaged = models.BigIntegerField(default=0)
    bytes_all = models.BigIntegerField(default=0)
    bytes_taken = models.BigIntegerField(default=0)
    bytes_known = models.BigIntegerField(default=0)
    bytes_kept_back = models.BigIntegerField(default=0)
    #: Bytes that have not arrived: not read yet, and unreadable.
    bytes_unread = models.BigIntegerField(default=0)
    bytes_refused = models.BigIntegerField(default=0)
    lines_refused = models.BigIntegerField(default=0)
    received_at = models.DateTimeField()
    #: When the station last named a file beyond the number that Roost lists; see `fleet.ingest.memory.files`.
    overfull_at = models.DateTimeField(null=True)
    #: Accounts of such files: they are in none of these sums.
    accounts_left_out = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.station_id}: {self.files} files"


class RollUp(models.Model):
    """The readings of one series in one hour or day (UTC, by the station's clock), aggregated from the rows.

    Rebuilt by `fleet.telemetry.rollups`; valid unless it contains a `DirtyHour`.
    """

    #: Only one process rebuilds or removes at a time: the slower of two would overwrite newer results with older ones.
    LOCK = "telemetry.rollups"

    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    count = models.BigIntegerField()
    #: Of values cut to ±1e290, so that a station's figures cannot make it overflow. Sum, least and greatest leave out
    #: the `outside` values, which exceed the limits of the quantity, unless there are no others.
    sum = models.FloatField()
    minimum = models.FloatField()
    maximum = models.FloatField()
    #: All flags of the rows combined, and the number of rows with any flag.
    flags = models.SmallIntegerField()
    suspicious = models.BigIntegerField()
    outside = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        """Abstract base."""

        abstract = True


class ReadingHour(RollUp):
    """One hour of a series."""

    pk = models.CompositePrimaryKey("series", "start")
    start = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.series_id} {self.start}: {self.count}"


class ReadingDay(RollUp):
    """One day of a series."""

    pk = models.CompositePrimaryKey("series", "start")
    start = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.series_id} {self.start}: {self.count}"


class DirtyHour(models.Model):
    """A note by ingest that this hour of this series got rows: its roll-ups are invalid until rebuilt.

    rows arrive ──▶ noted ──settled: nobody relies on the note any more──▶ rebuilt and deleted, in one transaction
    """

    pk = models.CompositePrimaryKey("series", "hour", "noted_at")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    hour = models.DateTimeField()
    #: Start of the statement that wrote it, by the database's clock.
    noted_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.series_id} {self.hour}"
