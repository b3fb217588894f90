"""Quarantine: what a station sent and could not be taken, kept whole with its reason; and replays of many at once."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from fleet.stations.models import Station


class QuarantinedMessage(models.Model):
    """One message that was not taken. It is kept until somebody replays or discards it.

    held ──▶ replayed | discarded
    """

    class State(models.TextChoices):
        """What became of it."""

        HELD = "held"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    id = models.BigAutoField(primary_key=True)
    #: None when the exchange belongs to no station we know.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="quarantined")
    exchange = models.CharField(max_length=128)
    routing_key = models.CharField(max_length=255)
    #: One word for filters, and the sentence for people.
    reason = models.CharField(max_length=32)
    sentence = models.TextField()
    #: AMQP properties and headers as JSON, values cut to a readable length.
    properties = models.JSONField(default=dict)
    body = models.BinaryField()
    #: Length before anything was cut.
    body_bytes = models.IntegerField()
    stream = models.CharField(max_length=64, blank=True)
    seq = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    #: Kept without having been read, as reading it would have cost others their time.
    is_unread = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.HELD)
    #: Why it was discarded, in the words of who did it.
    note = models.TextField(blank=True, default="", db_default="")
    decided_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        """Read newest first, by station; what is held is counted by reason."""

        indexes = [
            models.Index(fields=["station", "-received_at"]),
            models.Index(fields=["-received_at"]),
            models.Index(
                fields=["station", "reason", "received_at"], name="quarantine_held", condition=Q(state="held")
            ),
            # What the ledger cannot tell from its repeats is told from them here.
            models.Index(
                fields=["station", "stream", "seq"], name="quarantine_numbers", condition=Q(seq__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} from {self.exchange}"


class QuarantineTally(models.Model):
    """What quarantine holds of one station for one reason, and what beyond the station's budget is only counted."""

    id = models.BigAutoField(primary_key=True)
    #: None for all whose exchange belongs to no station we know.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="quarantine_tallies")
    reason = models.CharField(max_length=32)
    #: Kept whole and held: exact from time to time, see `tallies_recount`.
    kept = models.BigIntegerField(default=0, db_default=0)
    kept_bytes = models.BigIntegerField(default=0, db_default=0)
    #: Only counted: how many, when, and how the newest of them begins.
    cut = models.BigIntegerField(default=0, db_default=0)
    cut_bytes = models.BigIntegerField(default=0, db_default=0)
    first_cut_at = models.DateTimeField(null=True)
    last_cut_at = models.DateTimeField(null=True)
    sentence = models.TextField(blank=True, default="", db_default="")
    body_start = models.BinaryField(default=b"", db_default=b"")

    class Meta:
        """One of each."""

        constraints = [
            models.UniqueConstraint(fields=["station", "reason"], name="quarantine_tally", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.kept} kept, {self.cut} counted"

    @property
    def start(self) -> str:
        """How the newest message that is only counted begins, as text that a page can show."""
        return bytes(self.body_start).decode("utf-8", "backslashreplace")


class QuarantineReplay(models.Model):
    """Somebody's wish to try all held messages of one reason again; a job works it off in batches.

    asked ──batch by batch, `last_id` moves up to `up_to_id`──▶ finished

    What still cannot be taken is in quarantine anew with a higher id, and so is not met again.
    """

    id = models.BigAutoField(primary_key=True)
    reason = models.CharField(max_length=32)
    #: Of this station only; None is every station of the organizations.
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="+")
    #: In these the one who asked is an operator; None is everything, unknown senders too.
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
        """The job asks for what is not finished."""

        indexes = [models.Index(fields=["id"], name="replay_unfinished", condition=Q(finished_at=None))]

    def __str__(self) -> str:
        return f"{self.reason}: {self.done} of {self.total}"
