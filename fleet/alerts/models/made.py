"""Alert rules that people make, their states at series, and notes by ingest of the hours to judge."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import pgettext_lazy

from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.models import Series

#: `rule` of the incidents of such rules: this and the id of the rule. Rules in code have no dot in their names.
MADE = "made."


class AlertRule(models.Model):
    """A rule that people made: a subject, a condition, the stations it is for, and the words for whoever is told.

        on ──a person pauses it──▶ paused ──a person──▶ on
          either ──a person deletes it──▶ gone; its open incidents are closed without a message

    Rules of an organization with the same name are one family: at each station only the nearest of them holds.
    """

    class Severity(models.TextChoices):
        """The weight of an alert."""

        NOTICE = "notice", pgettext_lazy("severity", "notice")
        WARNING = "warning", pgettext_lazy("severity", "warning")
        SEVERE = "severe", pgettext_lazy("severity", "severe")

    class Scope(models.TextChoices):
        """The stations it is for; the nearest comes last."""

        ORGANIZATION = "organization"
        MODEL = "model"
        TAG = "tag"
        GROUP = "group"
        STATION = "station"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="alert_rules")
    name = models.CharField(max_length=80)
    #: A file of `fleet.alerts.made.subjects`, and what is watched: the name of a series (may have `*`) or of a figure.
    subject = models.CharField(max_length=32)
    what = models.CharField(max_length=128)
    #: SenML unit of the values below; series in other units of its dimension are converted. Empty: as they are.
    unit = models.CharField(max_length=32, blank=True)
    #: A file of `fleet.alerts.made.conditions`, and its values. `clear_low` and `clear_high`: when it is over.
    condition = models.CharField(max_length=16)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    clear_low = models.FloatField(null=True)
    clear_high = models.FloatField(null=True)
    #: Seconds over which values are compared, for conditions that do so.
    within_s = models.PositiveIntegerField(default=0)
    #: Seconds that it must hold before it rings.
    for_s = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.ORGANIZATION)
    #: The id of the group, model or station, or the name of the tag. No foreign key: a deleted one matches nothing.
    scope_id = models.BigIntegerField(null=True)
    tag = models.CharField(max_length=40, blank=True)
    #: Hours on the clock of the station's place in which it may begin to ring, and days of the year as `MM-DD`.
    hours_from = models.TimeField(null=True)
    hours_until = models.TimeField(null=True)
    season_from = models.CharField(max_length=5, blank=True)
    season_until = models.CharField(max_length=5, blank=True)
    #: Advice in the words of the people who made it.
    hint = models.CharField(max_length=300, blank=True)
    is_on = models.BooleanField(default=True)
    #: Values measured earlier are not judged: the rule did not exist, judged differently, or was paused.
    judged_from = models.DateTimeField()
    added_at = models.DateTimeField()
    added_by_name = models.CharField(max_length=150, blank=True)

    class Meta:
        """One rule of a name for the same stations; an index for ingest, which asks with each batch if any is on."""

        constraints = [
            models.UniqueConstraint(
                "organization", Lower("name"), "scope", "scope_id", Lower("tag"),
                name="alert_rule_once", nulls_distinct=False,
            )
        ]  # fmt: skip
        indexes = [models.Index(fields=["organization"], name="alert_rule_on", condition=Q(is_on=True))]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name

    @property
    def key(self) -> str:
        """`rule` of its incidents and notifications."""
        return f"{MADE}{self.pk}"


class RuleState(models.Model):
    """The state of a rule at one series of a station, by its newest value; there is no row while all is well.

        (no row) ──a value is beyond──▶ pending ──beyond for long enough──▶ ringing ──a value is clearly back──▶ (no row)
                                           └──a value is not beyond──▶ (no row)

    Both states also end when the rule no longer holds at the station. Without data, a state stays as it is.
    """

    class Phase(models.TextChoices):
        """Whether the condition has held for long enough."""

        PENDING = "pending"
        RINGING = "ringing"

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="states")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="+")
    phase = models.CharField(max_length=8, choices=Phase.choices)
    #: By the station's clock: the first value beyond the limits; of an absence, the last value before it.
    since = models.DateTimeField()
    #: Recorded only as a past incident so far, because its values were old when they came.
    is_late = models.BooleanField(default=False)

    class Meta:
        """One row per rule and series."""

        constraints = [models.UniqueConstraint(fields=["rule", "series"], name="rule_state_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.series_id} {self.phase}"


class RuleNote(models.Model):
    """A note by ingest of the hours of series that got rows, in the transaction of the rows, while any rule is on.

    rows arrive ──▶ noted ──the next pass judges them──▶ deleted, in the transaction of its findings

    `series_ids` and `hours` (since 2000-01-01 UTC) belong together by position.
    """

    id = models.BigAutoField(primary_key=True)
    series_ids = ArrayField(models.BigIntegerField())
    hours = ArrayField(models.IntegerField())
    noted_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.pk} {self.noted_at}"
