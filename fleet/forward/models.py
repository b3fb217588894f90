"""Forwarders with their notes, refused rows and given ids; and taps, from which programs read events."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Detection, Series

#: Columns of a detection's key.
DETECTION_KEY: Final = ("station", "occurred_at", "port", "kind", "line")


class Forwarder(models.Model):
    """One place to which an organization's readings and detections are sent.

        running ──a person──▶ paused ──a person──▶ running
           └──the receiver wants no more, fails for weeks, or refuses too much──▶ paused, with the reason
        any ──it falls too far behind──▶ stopped: its notes are removed; a person starts it again, and back-fills

    Every row that it reads is sent, known there already, kept back, or refused: `rows` is the sum.
    """

    class Reach(models.TextChoices):
        """Which stations it covers."""

        ALL = "all"
        STATIONS = "stations"
        PUBLIC = "public"

    class Detections(models.TextChoices):
        """Which detections it sends."""

        NONE = "none"
        TAGS = "tags"
        ALL = "all"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="forwarders")
    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=80)
    #: The kind's settings by name; the secret ones are in `sealed_secrets`, encrypted with the site's key.
    settings = models.JSONField(default=dict)
    sealed_secrets = models.TextField(blank=True, default="")
    reach = models.CharField(max_length=16, choices=Reach.choices, default=Reach.ALL)
    #: With `Reach.STATIONS`: their ids. A station that has left the organization is not sent.
    station_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    wants_readings = models.BooleanField(default=True, db_default=True)
    detections = models.CharField(
        max_length=8, choices=Detections.choices, default=Detections.NONE, db_default=Detections.NONE.value
    )
    #: Shell patterns of series' names such as `health/*`; empty: all.
    series = ArrayField(models.CharField(max_length=128), default=list, blank=True)
    #: For each pattern of a series: the name and the unit there, as [pattern, name, unit]; empty means unchanged.
    names = models.JSONField(default=list, blank=True)
    #: Whether rows marked as doubtful are kept back.
    is_clean = models.BooleanField(default=True)
    added_at = models.DateTimeField()
    added_by_name = models.CharField(max_length=150, blank=True)

    #: The notes up to this place are done, in the order of transactions. See `fleet.forward.feed`.
    after_xact = models.BigIntegerField()
    after_id = models.BigIntegerField(default=0)
    #: The end of the notes that are being sent, and the last of their rows that is done.
    upto_xact = models.BigIntegerField(null=True)
    upto_id = models.BigIntegerField(null=True)
    row_series = models.BigIntegerField(null=True)
    row_at = models.DateTimeField(null=True)
    #: The last detection of them that is done, as its key; see `fleet.forward.heard`. None: their readings come first.
    row_detection = models.JSONField(null=True)
    #: A back-fill in progress: its span by the stations' clocks, and the last row that is done.
    backfill_from = models.DateTimeField(null=True)
    backfill_until = models.DateTimeField(null=True)
    backfill_series = models.BigIntegerField(null=True)
    backfill_at = models.DateTimeField(null=True)
    #: As `row_detection`.
    backfill_detection = models.JSONField(null=True)

    rows_sent = models.BigIntegerField(default=0)
    rows_known = models.BigIntegerField(default=0)
    rows_kept_back = models.BigIntegerField(default=0)
    rows_refused = models.BigIntegerField(default=0)
    #: `rows_kept_back` by reason; see `fleet.forward.leaving`.
    kept_back_why = models.JSONField(null=True)

    paused_at = models.DateTimeField(null=True)
    #: Why Roost paused it; empty if a person did.
    paused_why = models.TextField(blank=True, default="")
    #: Whether ingest notes rows for it; not while it is stopped.
    is_fed = models.BooleanField(default=True)
    #: Consecutive failures, the moment of the first, and the earliest next attempt.
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)
    #: The receiver's last answer as a sentence, and when it came.
    answer = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField(null=True)
    #: Seconds of the longest call for its last page. If that was slow, it gets slow slots; see `fleet.forward.turns`.
    call_s = models.FloatField(null=True)
    #: Maximum rows to send at once, after the receiver refused more, or a turn ran out before any row was done.
    rows_at_once = models.IntegerField(null=True)
    #: When a person asked for a test without rows; its answer as a sentence, empty if all works, and when it came.
    test_asked_at = models.DateTimeField(null=True)
    test_answer = models.TextField(blank=True, default="", db_default="")
    tested_at = models.DateTimeField(null=True)
    #: Until then one worker has this lane. The number tells a worker that was too slow that another has it now.
    claimed_until = models.DateTimeField(null=True)
    claims = models.IntegerField(default=0)

    class Meta:
        """Names are unique within an organization; an index for ingest, which asks with each batch."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="forwarder_name_once")]
        indexes = [models.Index(fields=["organization"], name="forwarder_fed", condition=models.Q(is_fed=True))]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name

    @property
    def rows(self) -> int:
        """All rows that were read for it."""
        return self.rows_sent + self.rows_known + self.rows_kept_back + self.rows_refused


class ForwardNote(models.Model):
    """A note by ingest, in the transaction of the rows: rows of these series and hours arrived for an organization.

    `series_ids` and `hours` (since 2000-01-01 UTC) belong together by position, and so do those of detections.
    `received_at` is that of the rows.
    """

    id = models.BigAutoField(primary_key=True)
    #: No constraint: it would lock the organization's row with each batch.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    #: The transaction's id. Notes get their ids before the commit, so these do not follow the order of commits.
    xact = models.BigIntegerField()
    received_at = models.DateTimeField()
    series_ids = ArrayField(models.BigIntegerField())
    hours = ArrayField(models.IntegerField())
    #: Stations and hours that got detections; None: no forwarder wanted them.
    station_ids = ArrayField(models.BigIntegerField(), null=True)
    station_hours = ArrayField(models.IntegerField(), null=True)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Read by organization, in the order of transactions."""

        indexes = [models.Index(fields=["organization", "xact", "id"], name="forward_note_order")]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.xact} {self.id}"


class RefusedRow(models.Model):
    """A row that the receiver refused because of the row itself, set aside so that the others go on.

    refused ──a person has it sent again──▶ waiting ──▶ deleted (taken), or refused again
       └──a person discards it──▶ deleted; it stays counted as refused

    A reading has a series. A detection has a station, and the rest of its key.
    """

    id = models.BigAutoField(primary_key=True)
    forwarder = models.ForeignKey(Forwarder, on_delete=models.CASCADE, related_name="refused")
    series = models.ForeignKey(Series, null=True, on_delete=models.CASCADE, related_name="+")
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="+")
    port = models.SmallIntegerField(null=True)
    kind = models.SmallIntegerField(null=True, choices=Detection.Kind.choices)
    line = models.IntegerField(null=True)
    occurred_at = models.DateTimeField()
    reason = models.TextField()
    refused_at = models.DateTimeField()
    #: A person wants it sent again.
    is_waiting = models.BooleanField(default=False)

    class Meta:
        """One row per reading, and one per detection."""

        constraints = [
            models.UniqueConstraint(fields=["forwarder", "series", "occurred_at"], name="refused_row_once"),
            models.UniqueConstraint(fields=["forwarder", *DETECTION_KEY], name="refused_detection_once"),
        ]

    def __str__(self) -> str:
        return f"{self.series_id or self.station_id} {self.occurred_at}"

    @property
    def serial(self) -> str:
        """The station's serial."""
        station = self.station or (self.series.station if self.series else None)
        return station.serial if station else ""


class GivenId(models.Model):
    """An id that a receiver gave to something of ours, such as a station or series, so that it is created once."""

    id = models.BigAutoField(primary_key=True)
    forwarder = models.ForeignKey(Forwarder, on_delete=models.CASCADE, related_name="given_ids")
    #: The thing that it stands for, such as `datastream:12`.
    key = models.CharField(max_length=200)
    there = models.CharField(max_length=200)

    class Meta:
        """One id for one thing."""

        constraints = [models.UniqueConstraint(fields=["forwarder", "key"], name="given_id_once")]

    def __str__(self) -> str:
        return f"{self.key} is {self.there}"


class Tap(models.Model):
    """A queue on the broker from which an organization's own programs read its events, with a login of its own.

        working ──a person──▶ deleted, with its queue and login
           └──the organization is deleted──▶ without queue and login ──it is restored──▶ working, by the same secret

    This row decides; the broker is brought in line with it. The secret is shown once and known here only as the hash
    that the broker checks, so that a broker that lost everything gets the login back.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="taps")
    name = models.CharField(max_length=80)
    #: Name of its queue, and of its login.
    queue = models.CharField(max_length=24, unique=True)
    #: As RabbitMQ keeps it: Base64 of four bytes of salt and SHA-256 of salt and secret.
    secret_hash = models.CharField(max_length=64)
    #: Names of events, and serials of stations; empty: all.
    events = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    stations = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    #: Its bounds: events, bytes of their bodies, and seconds that an event stays.
    messages_most = models.IntegerField()
    bytes_most = models.BigIntegerField()
    seconds_most = models.IntegerField()
    added_at = models.DateTimeField()
    added_by_name = models.CharField(max_length=150, blank=True)

    #: As last seen on the broker: waiting events and their bytes, events that a reader has not confirmed, and readers.
    #: `waiting` and `seen_at` are null until it was seen.
    waiting = models.BigIntegerField(null=True)
    waiting_bytes = models.BigIntegerField(default=0)
    unconfirmed = models.BigIntegerField(default=0)
    readers = models.IntegerField(default=0)
    seen_at = models.DateTimeField(null=True)
    #: Events that were read, and the broker's own count of them, which starts over when the broker starts.
    taken = models.BigIntegerField(default=0)
    taken_there = models.BigIntegerField(default=0)
    last_taken_at = models.DateTimeField(null=True)
    #: Events that left it unread: because it was full, and because they were too old.
    dropped = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    last_dropped_at = models.DateTimeField(null=True)
    #: More may have been dropped than were counted.
    is_at_least = models.BooleanField(default=False)

    class Meta:
        """Names are unique within an organization."""

        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="tap_name_once")]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name
