"""Quarantine: messages that could not be accepted, kept whole with the reason; bulk replays; and back-fills."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.stations.models import Station

#: Names of the files of a back-fill are cut to this length for display.
NAME_MOST = 600


class QuarantinedMessage(models.Model):
    """One message that was not accepted. It is kept until somebody replays or discards it.

    held ──▶ replayed | discarded
    """

    class State(models.TextChoices):
        """State of the message."""

        HELD = "held"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    #: None if the exchange belongs to no known station.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="quarantined")
    exchange = models.CharField(max_length=128)
    routing_key = models.CharField(max_length=255)
    #: A reason word for filters, and a sentence for people.
    reason = models.CharField(max_length=32)
    sentence = models.TextField()
    #: AMQP properties and headers as JSON, values cut to a readable length.
    properties = models.JSONField(default=dict)
    body = models.BinaryField()
    #: Length of the body.
    body_bytes = models.IntegerField()
    stream = models.CharField(max_length=64, blank=True)
    seq = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    #: Stored without being read, because reading it would have delayed others.
    is_unread = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    #: Reason for discarding it, given by the person who did.
    note = models.TextField(blank=True, default="", db_default="")
    decided_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        """Read newest first, also by station; held messages are counted by reason."""

        indexes = [
            models.Index(fields=["station", "-received_at"]),
            models.Index(fields=["-received_at"]),
            models.Index(
                fields=["station", "reason", "received_at"], name="quarantine_held", condition=Q(state="held")
            ),
            # Detects repeats that the ledger cannot detect.
            models.Index(
                fields=["station", "stream", "seq"], name="quarantine_numbers", condition=Q(seq__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} from {self.exchange}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.station.organization_id if self.station else None, f"message {self.id} ({self.reason})"


class QuarantineTally(models.Model):
    """Numbers of a station's messages in quarantine for one reason: held ones, and those over budget, only counted."""

    id = models.BigAutoField(primary_key=True)
    #: None for all exchanges that belong to no known station.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="quarantine_tallies")
    reason = models.CharField(max_length=32)
    #: Kept whole and held; corrected from time to time, see `tallies_recount`.
    kept = models.BigIntegerField(default=0, db_default=0)
    kept_bytes = models.BigIntegerField(default=0, db_default=0)
    #: Messages that were only counted: number, bytes, when, and sentence and beginning of the newest.
    cut = models.BigIntegerField(default=0, db_default=0)
    cut_bytes = models.BigIntegerField(default=0, db_default=0)
    first_cut_at = models.DateTimeField(null=True)
    last_cut_at = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True, default="", db_default="")
    body_start = models.BinaryField(default=b"", db_default=b"")

    class Meta:
        """One tally per station and reason."""

        constraints = [
            models.UniqueConstraint(fields=["station", "reason"], name="quarantine_tally", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.kept} kept, {self.cut} counted"

    @property
    def start(self) -> str:
        """The beginning of the newest message that was only counted, as text that a page can show."""
        return bytes(self.body_start).decode("utf-8", "backslashreplace")


class QuarantineReplay(models.Model):
    """A request to try all held messages of one reason again; a job works it off in batches.

    asked ──batch by batch, `last_id` moves up to `up_to_id`──▶ finished

    Messages that fail again are quarantined as new ones with higher ids, so they are not tried twice.
    """

    id = models.BigAutoField(primary_key=True)
    reason = models.CharField(max_length=32)
    #: Only this station; None means every station of the organizations.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="+")
    #: Organizations in which the requester is an operator; None means everything, including unknown senders.
    organization_ids = ArrayField(models.BigIntegerField(), null=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_by_name = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    up_to_id = models.BigIntegerField()
    last_id = models.BigIntegerField(default=0)
    total = models.IntegerField()
    done = models.IntegerField(default=0)
    stored = models.IntegerField(default=0)
    quarantined = models.IntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        """The job looks for unfinished ones."""

        indexes = [models.Index(fields=["id"], name="replay_unfinished", condition=Q(finished_at=None))]

    def __str__(self) -> str:
        return f"{self.reason}: {self.done} of {self.total}"


class Backfill(models.Model):
    """A back-fill: reading stored files of a station into its rows, with the outcome of every line.

        surveying ──read to the end──▶ surveyed ──a person answers──▶ sending ──read to the end──▶ done
          │   ▲                           │ │                            │
          │   └──other serials are named──┘ │                            │
          └─────────────▶ failed | stopped ◀┴────────────────────────────┘

    A worker takes a back-fill that surveys or sends, works on it for some seconds, and goes on to the next. With each
    piece of files it commits its place (`at_path`, `at_number`, `at_member`), so the next turn continues there, even if
    this worker is killed.
    """

    class State(models.TextChoices):
        """Progress of the back-fill."""

        SURVEYING = "surveying"
        SURVEYED = "surveyed"
        SENDING = "sending"
        DONE = "done"
        FAILED = "failed"
        STOPPED = "stopped"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="backfills")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    #: Names of the people or keys at that time.
    asked_by_name = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    answered_by_name = models.CharField(max_length=150, blank=True)
    answered_at = models.DateTimeField(null=True)

    #: The stored files to read: part of their path, ids of revisions (none: all), time of storing, and whether to skip
    #: those that a finished back-fill of this station has read. Revisions newer than `newest_id` arrived later.
    search = models.CharField(max_length=100, blank=True)
    revision_ids = ArrayField(models.BigIntegerField(), default=list)
    stored_since = models.DateTimeField(null=True)
    is_unread = models.BooleanField(default=False)
    newest_id = models.BigIntegerField()

    #: The answers; see `fleet.ingest.cards.services.CardAnswers`.
    also_of = ArrayField(models.CharField(max_length=80), default=list)
    leaves_others = models.BooleanField(default=False)
    any_clock = models.BooleanField(default=False)

    state = models.CharField(max_length=16, choices=State.choices, default=State.SURVEYING)
    #: Turns since the last progress, when the last one began, and when the next one may.
    attempts = models.IntegerField(default=0)
    turn_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    #: Why it failed, or what it waits for.
    reason = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True)

    #: The last stored file read in this state. `at_member`: how many files of it are read, if it is an archive that is
    #: not read to its end; otherwise 0.
    at_path = models.CharField(max_length=512, blank=True)
    at_number = models.IntegerField(default=0)
    at_member = models.IntegerField(default=0)
    #: Stored files and their bytes: read in this state, and in all.
    stored = models.IntegerField(default=0)
    stored_all = models.IntegerField()
    octets = models.BigIntegerField(default=0)
    octets_all = models.BigIntegerField()
    #: See `fleet.ingest.backfill.totals.Totals`.
    totals = models.JSONField(default=dict)

    class Meta:
        """Listed by station; a station has at most one open back-fill; workers look for those that are due."""

        constraints = [
            models.UniqueConstraint(
                fields=["station"],
                condition=Q(state__in=["surveying", "surveyed", "sending"]),
                name="backfill_open_once",
            )
        ]
        indexes = [
            models.Index(fields=["station", "-id"], name="backfill_newest_first"),
            models.Index(fields=["due_at"], name="backfill_due", condition=Q(state__in=["surveying", "sending"])),
        ]

    def __str__(self) -> str:
        return f"{self.station_id} {self.state}"


class BackfillFile(models.Model):
    """A file that a back-fill read: a stored file, or one in a stored archive. Lines are counted by their letter."""

    id = models.BigAutoField(primary_key=True)
    backfill = models.ForeignKey(Backfill, on_delete=models.CASCADE, related_name="files")
    #: Ids of the stored revision and its content, which may be deleted; and its place among the files of an archive.
    revision_id = models.BigIntegerField()
    content_id = models.BigIntegerField()
    member = models.IntegerField()
    name = models.CharField(max_length=NAME_MOST)
    serial = models.CharField(max_length=64, blank=True)
    stream = models.CharField(max_length=64, blank=True)
    #: As in the account of a file, see `formats.sensorgnome.account`.
    state = models.CharField(max_length=8)
    reason = models.CharField(max_length=256, blank=True)
    refusals = models.JSONField(default=dict)
    octets = models.BigIntegerField(default=0)
    lines = models.JSONField(default=dict)
    lines_read = models.BigIntegerField(default=0)
    lines_known = models.BigIntegerField(default=0)
    lines_kept_back = models.BigIntegerField(default=0)
    lines_refused = models.BigIntegerField(default=0)
    #: Lines that were here at the survey; lines that are here after sending, None until then.
    before = models.JSONField(default=dict)
    after = models.JSONField(null=True)
    #: It was not read, for a reason that may pass, such as rotten bytes, so it still counts as unread.
    is_left = models.BooleanField(default=False, db_default=False)
    #: Numbers that the ledger lacked, if it had some of the stream.
    missing = models.IntegerField(default=0)

    class Meta:
        """A file is once in its back-fill; an index finds the files with something to report."""

        constraints = [models.UniqueConstraint(fields=["backfill", "revision_id", "member"], name="backfill_file_once")]
        indexes = [
            models.Index(
                fields=["backfill", "id"],
                name="backfill_file_told",
                condition=~Q(state="done") | ~Q(reason="") | Q(lines_refused__gt=0),
            ),
            models.Index(fields=["content_id", "revision_id"], name="backfill_file_read"),
        ]

    def __str__(self) -> str:
        return self.name
