"""Incidents, and the steps of each: those that people took, and those of Roost."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language

from fleet.alerts.models.shared import SharedFailure
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
    #: Of a rule that people made: its name and severity when it opened; see `fleet.alerts.models.made`.
    title = models.CharField(max_length=80, blank=True, default="", db_default="")
    severity = models.CharField(max_length=8, blank=True, default="", db_default="")
    #: It was over, or its data was old, when the data came, so nobody was told.
    is_found_later = models.BooleanField(default=False, db_default=False)
    #: It opened in planned maintenance and is held back; for which reason; and when people were told after all.
    is_held = models.BooleanField(default=False, db_default=False)
    held_reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    held_until = models.DateTimeField(null=True)
    #: The state with its reason and a next step, when it opened and when it closed. `said` puts their moments on the
    #: reader's clock.
    sentence = models.TextField()
    closing_sentence = models.TextField(blank=True)
    #: Both in each language of the site, for people; the two above are in the organization's language.
    sentences = models.JSONField(default=dict, db_default={})
    closing_sentences = models.JSONField(default=dict, db_default={})
    #: When it began (silence: the last contact), which is earlier than when we noticed.
    began_at = models.DateTimeField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    #: Since when and by whom it is acknowledged or snoozed; kept when it closes.
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    #: Snoozed until this moment; or until another incident opens at its station.
    snoozed_until = models.DateTimeField(null=True)
    is_snoozed_until_change = models.BooleanField(default=False, db_default=False)
    #: The member who takes care of it; nobody once the person has left the organization.
    assignee = models.ForeignKey(Membership, on_delete=models.SET_NULL, null=True, related_name="incidents")
    #: Of a closed one whose end nobody has been told yet: until when it may open again.
    reopens_until = models.DateTimeField(null=True)
    #: The open incident of the parent, which keeps this one from being told on its own; see `fleet.alerts.grouping`.
    #: No constraint in the database: a station is erased without looking at those behind it.
    held_by = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="holding", db_constraint=False, db_index=False
    )
    #: The shared failure that it belongs to, open or over.
    shared = models.ForeignKey(
        SharedFailure, on_delete=models.SET_NULL, null=True, related_name="incidents", db_index=False
    )

    class Meta:
        """One open incident per station and rule; indexes for ends of snoozes, holds, reopening and groups."""

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
        """Whether it is snoozed, or was when it closed."""
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
