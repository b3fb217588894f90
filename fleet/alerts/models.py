"""Incidents and their steps, the destinations that are told, the notifications, and problems of the server itself."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language

from fleet.alerts import (  # noqa: F401 - Django finds their models here
    digest_models,
    feed_models,
    made_models,
    maintenance_models,
    shared_models,
)
from fleet.core import clock
from fleet.core.spoken import moments_told
from fleet.organizations.models import Membership, Organization
from fleet.stations.models import Station


class Incident(models.Model):
    """A problem with a station, from when it was noticed until it is over.

          ┌────the snooze is over, it changed, or a person takes it back────┐
          ▼                                                                 │
        open ──a person acknowledges──▶ acknowledged ◀──people──▶ snoozed ──┤
          │ ◀──a person takes it back────────┤                              │
          └──────────────────────────────────┴──────────────────────────────┘
                        │ the rule's condition is over
                        ▼
                      closed ──it was acknowledged or snoozed, and opens again before its end is told──▶ as it was

    The state is in `state`; `fleet.alerts.handling` has the steps of people, `fleet.alerts.snoozes` the end of snoozes,
    and `fleet.alerts.flaps` what opens again. Each step is a conditional UPDATE and an `IncidentStep`.

    At most one open incident per station and rule: the partial unique index settles every race. The name of a rule that
    people made contains its id, so several of theirs can be open at one station.
    """

    class State(models.TextChoices):
        """The stage of its life."""

        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        SNOOZED = "snoozed"
        CLOSED = "closed"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="incidents")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="incidents")
    rule = models.CharField(max_length=64)
    #: Of a rule that people made: its name and severity as of the opening; see `fleet.alerts.made_models`.
    title = models.CharField(max_length=80, blank=True, default="", db_default="")
    severity = models.CharField(max_length=8, blank=True, default="", db_default="")
    #: It was over, or old, when its data came: nobody was told.
    is_found_later = models.BooleanField(default=False, db_default=False)
    #: It opened in planned maintenance, with that reason, and nobody is told before its end; when they were told then.
    is_held = models.BooleanField(default=False, db_default=False)
    held_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    held_until = models.DateTimeField(null=True)
    #: The state with its reason and a next step, as of the opening; and as of the closing. `said` puts the moments
    #: in them on the reader's clock.
    sentence = models.TextField()
    closing_sentence = models.TextField(blank=True)
    #: Both in each language of the site, for people; the two above are in the organization's language.
    sentences = models.JSONField(default=dict, db_default={})
    closing_sentences = models.JSONField(default=dict, db_default={})
    #: When it began (silence: the last contact), which is earlier than when we noticed.
    began_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: By whom it was acknowledged or snoozed, since when; a closed one keeps it.
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    #: Snoozed until this moment; or until it changes.
    snoozed_until = models.DateTimeField(null=True)
    is_snoozed_until_change = models.BooleanField(default=False, db_default=False)
    #: The member who takes care of it; nobody once the person has left the organization.
    assignee = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="incidents")
    #: Of a closed one whose end is not told yet: until then it may open again.
    reopens_until = models.DateTimeField(null=True)
    #: While the station behind which it is has this one open, it is not told on its own; see `fleet.alerts.grouping`.
    #: The database does not check it: a station is erased without a look at those behind it.
    held_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="holding", db_constraint=False, db_index=False
    )
    #: The shared failure that it belongs to, open or over.
    shared = models.ForeignKey(
        shared_models.SharedFailure, on_delete=models.SET_NULL, null=True, related_name="incidents", db_index=False
    )

    class Meta:
        """One open incident per station and rule; indexes for ends of snoozes, for what may open again, and for groups."""

        constraints = [
            models.UniqueConstraint(fields=["station", "rule"], name="incident_open_once", condition=Q(closed_at=None)),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=False) | Q(snoozed_until=None, is_snoozed_until_change=False),
                name="incident_snoozed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(snoozed_until=None) | Q(is_snoozed_until_change=False), name="incident_snoozed_one_way"
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-opened_at"]),
            models.Index(
                fields=["snoozed_until"],
                name="incident_snoozed",
                condition=Q(closed_at=None, snoozed_until__isnull=False),
            ),
            models.Index(fields=["station"], name="incident_held", condition=Q(is_held=True, closed_at=None)),
            models.Index(fields=["station", "rule"], name="incident_reopens", condition=Q(reopens_until__isnull=False)),
            models.Index(fields=["held_by"], name="incident_held_by", condition=Q(held_by__isnull=False)),
            models.Index(fields=["shared"], name="incident_shared", condition=Q(shared__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.rule} at station {self.station_id}"

    @property
    def state(self) -> str:
        """One of `State`."""
        if self.closed_at is not None:
            return self.State.CLOSED
        if self.is_snoozed:
            return self.State.SNOOZED
        return self.State.OPEN if self.acknowledged_at is None else self.State.ACKNOWLEDGED

    @property
    def is_snoozed(self) -> bool:
        """Whether it is, or was when it closed, snoozed."""
        return self.snoozed_until is not None or self.is_snoozed_until_change

    def said(self, *, is_over: bool) -> str:
        """Sentence on how it began or ended, in the active language if available, otherwise in the organization's."""
        said, own = (self.closing_sentences, self.closing_sentence) if is_over else (self.sentences, self.sentence)
        return moments_told(str(said.get(get_language(), own)), clock.now())


class IncidentStep(models.Model):
    """One step in an incident's life after it was noticed: who did what and when. Rows are only added."""

    class Kind(models.TextChoices):
        """The kind of act; the last three are Roost's."""

        ACKNOWLEDGED = "acknowledged"
        SNOOZED = "snoozed"
        TAKEN_BACK = "taken_back"
        ASSIGNED = "assigned"
        NOTED = "noted"
        WOKEN = "woken"
        CHANGED = "changed"
        REOPENED = "reopened"

    id = models.BigAutoField(primary_key=True)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="steps")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField()
    #: None: Roost itself, a key, or somebody whose account was deleted; the name stays.
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150, blank=True)
    #: The note; or whom it was assigned to, empty for nobody.
    text = models.TextField(blank=True)
    #: Of a snooze: its end, None until it changes. Of a reopening: when it had closed.
    until = models.DateTimeField(null=True)
    #: The id of the notification whose link was used. No foreign key: old notifications may go.
    link = models.BigIntegerField(null=True)

    class Meta:
        """A link works once for each incident of its message."""

        constraints = [models.UniqueConstraint(fields=["incident", "link"], name="incident_link_once")]

    def __str__(self) -> str:
        return f"{self.kind} at incident {self.incident_id}"


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
    #: Of channels whose addresses are secrets, their label; see `fleet.alerts.sealed_addresses`.
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
    shared = models.ForeignKey(
        shared_models.SharedFailure, on_delete=models.SET_NULL, null=True, related_name="notifications"
    )

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
    """Seconds that sending on a channel took for an organization since `counted_from`; `fleet.alerts.turns` uses it."""

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


class Trouble(models.Model):
    """A problem with the server itself; its administrators are told once when it begins and once when it ends.

        open ──it is over──▶ over

    `told_at` and `end_told_at` are set by conditional UPDATE before the mail, and reset if nobody could be reached.
    """

    id = models.BigAutoField(primary_key=True)
    #: The affected part, in a few words.
    about = models.CharField(max_length=64)
    sentence = models.TextField()
    began_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_told_at = models.DateTimeField(null=True)

    class Meta:
        """One open trouble per part."""

        constraints = [models.UniqueConstraint(fields=["about"], name="trouble_open_once", condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return self.about
