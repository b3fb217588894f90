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
    #: Exactly one of the two is set: with a single path to an organization, no guard against contradictions is needed.
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, related_name="destinations")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, null=True, related_name="destinations")
    channel = models.CharField(max_length=32)
    #: Of channels whose addresses are secrets, the label; see `fleet.alerts.notifications.sealed_addresses`.
    address = models.CharField(max_length=500, blank=True)
    sealed_address = models.TextField(blank=True, default="", db_default="")
    #: The signing secret is derived from this and the server's key, so that a copy of the database does not contain it.
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
    """One message to one destination: that incidents opened, go on or are over; a test; or that more is held back.

        pending ──lease──▶ sending ──▶ sent
         │ ▲                  ├──its destination is off or gone, or its incidents moved on──▶ dropped
         │ │                  ├──it may have arrived, and a repeat would arrive twice──▶ unknown
         │ └──transient error─┴──permanent error──▶ failed
         ├──merged into another message that waited with it──▶ merged
         ├──beyond what the storm cap lets through──▶ held
         └──held, and its incidents open again──▶ dropped
        held: not sent, now or later; `held_why` says why. A message that a parent or a shared failure holds
        begins in this state: an incident that is still open when that is over gets another message.

    `message_id` is stable: a mail sent twice after a crash is the same mail in the same thread. The state changes only
    by conditional UPDATE; `attempts` identifies the lease.
    """

    class Phase(models.TextChoices):
        """The occasion: a beginning, the end of a snooze, a new assignee, an end, a test, or that more is held back."""

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
        """Why it is not sent: its stations' parent is silent, they share a failure, or too many messages were sent."""

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
    #: When it may be sent at the earliest; while sending: the end of the lease.
    due_at = models.DateTimeField()
    #: A message about an end is not sent, and joins no other, before this moment: the incident may open again.
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
    """Seconds that an organization's messages took on a channel since `counted_from`; for `notifications.turns`."""

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
