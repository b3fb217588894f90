"""Quarantine: messages that could not be accepted, kept whole with the reason; and bulk replays."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.stations.models import Station


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
    #: Length before cutting.
    body_bytes = models.IntegerField()
    stream = models.CharField(max_length=64, blank=True)
    seq = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    #: Stored without being read, because reading it would have delayed others.
    is_unread = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    #: Reason for discarding it, as given by whoever did.
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
    #: Only counted: how many, when, and how the newest begins.
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
