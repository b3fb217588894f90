"""The destinations of alerts, the notifications to them, and the time that sending took."""

from django.db import models
from django.db.models import Q

from fleet.alerts.models.incident import Incident
from fleet.alerts.models.shared import SharedFailure
from fleet.organizations.models import Membership, Organization


class Destination(models.Model):
    """One place where alerts of an organization go: to a member, or to the organization's own.

    A member's destinations go with the membership. Every member has one of the channel mail, with an empty address:
    mails go to the person's current email address. A trigger creates it, switched on, with the membership.
    """

    id = models.BigAutoField(primary_key=True)
    #: Exactly one of the two: a table with one path to an organization needs no guard against mixing two.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, related_name="destinations")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, null=True, related_name="destinations")
    channel = models.CharField(max_length=32)
    #: Of channels whose addresses are secrets, their label; see `fleet.alerts.notifications.sealed_addresses`.
    address = models.CharField(max_length=500, blank=True)
    sealed_address = models.TextField(blank=True, default="", db_default="")
    #: The secret is derived from this and the server's key, so that a copy of the database does not contain it.
    secret_seed = models.CharField(max_length=32, blank=True)
    is_on = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    #: When the last message was delivered or failed, and why it failed; empty: it was delivered.
    last_result_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        """One destination per owner, channel and address."""

        constraints = [
            models.CheckConstraint(
                condition=Q(organization=None, membership__isnull=False)
                | Q(organization__isnull=False, membership=None),
                name="destination_of_one",
            ),
            models.UniqueConstraint(fields=["organization", "channel", "address"], name="destination_once"),
            models.UniqueConstraint(fields=["membership", "channel", "address"], name="destination_once_per_member"),
        ]

    def __str__(self) -> str:
        return f"destination {self.pk} by {self.channel}"


class Notification(models.Model):
    """One message to one destination about some incidents: that they opened, go on or are over; a test; or about a storm.

        pending ──lease──▶ sending ──▶ sent
         │ ▲                  ├──its destination is off or gone, or its incidents moved on──▶ dropped
         │ │                  ├──it may have arrived, and a repeat would arrive twice──▶ unknown
         │ └──transient error─┴──permanent error──▶ failed
         ├──merged into another message that waited with it──▶ merged
         ├──beyond what the storm cap lets through──▶ held
         └──held, and its incidents open again──▶ dropped
        held: not sent, now or later; `held_why` says why. So are those that a parent or a shared failure holds, from
        the beginning: what is still wrong when that is over gets another message.

    `message_id` is stable: a mail sent twice after a crash is the same mail in the same thread. The state changes only
    by conditional UPDATE; `attempts` identifies the lease.
    """

    class Phase(models.TextChoices):
        """It reports a beginning, that a snooze ended, a new assignee or an end; is a test; or tells of what is held back."""

        OPENED = "opened"
        AGAIN = "again"
        ASSIGNED = "assigned"
        CLOSED = "closed"
        TEST = "test"
        STORM = "storm"

    class State(models.TextChoices):
        """Delivery state."""

        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        MERGED = "merged"
        DROPPED = "dropped"
        UNKNOWN = "unknown"
        HELD = "held"

    class Held(models.TextChoices):
        """Why it is not sent: the parent of its stations is silent, they share a failure, or too many were sent."""

        PARENT = "parent"
        SHARED = "shared"
        STORM = "storm"

    id = models.BigAutoField(primary_key=True)
    #: Incidents that began together share one message.
    incidents = models.ManyToManyField(Incident, related_name="notifications")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    rule = models.CharField(max_length=64)
    phase = models.CharField(max_length=8, choices=Phase.choices)
    #: None: the server's administrators, told in place of members, or a destination that was deleted.
    destination = models.ForeignKey(Destination, on_delete=models.SET_NULL, null=True)
    channel = models.CharField(max_length=32)
    recipient = models.CharField(max_length=500)
    message_id = models.CharField(max_length=128, unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    created_at = models.DateTimeField()
    #: Not before this moment; while sending: the end of the lease.
    due_at = models.DateTimeField()
    #: An end that is not told, and joins no other message, before it has lasted until then.
    held_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    last_error = models.TextField(blank=True)
    #: The connection broke after the message was handed over: it may have arrived, so its content must not change.
    is_maybe_delivered = models.BooleanField(default=False)
    held_why = models.CharField(max_length=8, choices=Held.choices, blank=True, default="", db_default="")
    #: The parent's incident that holds it.
    held_by = models.ForeignKey(Incident, on_delete=models.SET_NULL, null=True, related_name="+")
    #: The shared failure that it tells of, or that holds it.
    shared = models.ForeignKey(SharedFailure, on_delete=models.SET_NULL, null=True, related_name="notifications")

    class Meta:
        """Indexes for the sender, which asks for what is due, and for the storm cap, which counts."""

        indexes = [
            models.Index(fields=["due_at"], name="notification_due", condition=Q(state__in=["pending", "sending"])),
            models.Index(
                fields=["channel", "recipient", "sent_at"], name="notification_sent_lately", condition=Q(state="sent")
            ),
            models.Index(
                fields=["channel", "recipient", "due_at"], name="notification_storm_held", condition=Q(held_why="storm")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.phase} to {self.recipient}"


class SendingTime(models.Model):
    """Seconds that sending on a channel took for an organization since `counted_from`; `fleet.alerts.notifications.turns` uses it."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    channel = models.CharField(max_length=32)
    seconds = models.FloatField()
    counted_from = models.DateTimeField()

    class Meta:
        """One row per organization and channel."""

        constraints = [models.UniqueConstraint(fields=["organization", "channel"], name="sending_time_once")]

    def __str__(self) -> str:
        return f"{self.channel}: {self.seconds:.1f} s"
