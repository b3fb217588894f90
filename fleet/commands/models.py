"""Commands to stations and their steps."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q, Value

from fleet.stations.models import Station


class Command(models.Model):
    """One command for one station. The row is authoritative; the broker only has a copy.

        queued ──relay──▶ sent ──station──▶ received ──▶ running ──▶ succeeded | failed
          │                │                   │            │
          └────────────────┴──── expired | cancelled | refused (from any open state)

    The state changes only by conditional UPDATE on an open state; later reports are only kept as steps or counted.
    A transaction that changes several commands locks them in the order of `id`, so that no two can deadlock.

    A cancelled command also has a `withdrawal`, which says what happened to its copies outside of Roost:

        unsent                                                     (it had not left Roost)
        sought ──the broker returns every copy──────▶ taken_back   (the station never had it)
        sought ──the station: it will not run───────▶ stopped      (the station had it, or will recognize it)
        sought ──it expires─────────────────────────▶ lapsed       (a station that has it no longer runs it)
        any of these ──the station: it runs, it ran─▶ ran          (`ran_at` says when)
    """

    class State(models.TextChoices):
        """State of a command."""

        QUEUED = "queued"
        SENT = "sent"
        RECEIVED = "received"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        REFUSED = "refused"
        EXPIRED = "expired"
        CANCELLED = "cancelled"

    class Withdrawal(models.TextChoices):
        """State of a cancelled command outside of Roost."""

        UNSENT = "unsent"
        SOUGHT = "sought"
        TAKEN_BACK = "taken_back"
        STOPPED = "stopped"
        LAPSED = "lapsed"
        RAN = "ran"

    OPEN = (State.QUEUED, State.SENT, State.RECEIVED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="commands")
    name = models.CharField(max_length=64)
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    #: Name of the person or key at that time.
    issued_by_name = models.CharField(max_length=150, blank=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    #: When the latest copy went to the broker; the sweep sends another one if the broker may have lost it.
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=256, blank=True)
    result = models.JSONField(default=dict)
    output = models.TextField(blank=True)
    #: Empty unless the command is cancelled.
    withdrawal = models.CharField(max_length=16, choices=Withdrawal.choices, blank=True, db_default="")
    #: Copies that went to the broker and were not taken back.
    copies = models.SmallIntegerField(default=0, db_default=0)
    #: When the broker was last asked for the copies of this cancelled command.
    sought_at = models.DateTimeField(null=True)
    #: When a cancelled command began to run, by the station's clock.
    ran_at = models.DateTimeField(null=True)
    #: Number of reports that changed nothing and were not kept as steps, because they were repeats or too many.
    reports_left_out = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        """Lists show a station's commands newest first; sweeps look for open ones."""

        indexes = [
            models.Index(fields=["station", "-issued_at"]),
            models.Index(
                fields=["expires_at"],
                name="command_open_expiry",
                condition=Q(state__in=["queued", "sent", "received", "running"]),
            ),
            models.Index(fields=["sought_at"], name="command_sought", condition=Q(withdrawal="sought")),
        ]

    def __str__(self) -> str:
        return f"{self.name} for {self.station_id}"

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.station.organization_id, f"{self.name} for {self.station.serial}"


class Congestion(models.Model):
    """A period in which Roost could not keep up and asked its stations to slow down.

    open ──backlog drained and no alarm──▶ ended      (at most one is open)
    """

    id = models.BigAutoField(primary_key=True)
    #: `backlog` or `alarm`.
    cause = models.CharField(max_length=16)
    #: Waiting messages when it was noticed.
    waiting = models.BigIntegerField()
    #: Number of requests sent to stations.
    asked = models.IntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """At most one open congestion."""

        constraints = [
            models.UniqueConstraint(Value(1), name="congestion_open_once", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.cause} from {self.started_at}"


class CommandStep(models.Model):
    """One step in the life of a command, in order of arrival. Late reports are kept here, but change nothing."""

    id = models.BigAutoField(primary_key=True)
    command = models.ForeignKey(Command, on_delete=models.CASCADE, related_name="steps")
    state = models.CharField(max_length=16, choices=Command.State.choices)
    #: By the station's clock for its own steps, otherwise ours.
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    #: False: it came after the command was closed, or out of order.
    is_applied = models.BooleanField(default=True)
    note = models.CharField(max_length=256, blank=True)
    #: Of a closing report that changed nothing, if they are not those of the command.
    result = models.JSONField(default=dict, db_default={})
    output = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """Steps are read oldest first."""

        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.command_id} {self.state}"
