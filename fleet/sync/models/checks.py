"""Checks of outside systems, the rows they listed, how those changed, and links from stations to rows."""

from django.db import models

from fleet.stations.models import Station


class SyncRun(models.Model):
    """One check of one outside system.

    running ──▶ succeeded | failed
    """

    class State(models.TextChoices):
        """State of the check."""

        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    system = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    #: The person who pressed the button; empty for scheduled checks.
    started_by_name = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    records = models.IntegerField(default=0)
    changes = models.IntegerField(default=0)
    #: The outcome or the error as a sentence.
    sentence = models.TextField(blank=True)
    #: After a failure, scheduled checks wait until this moment.
    not_before = models.DateTimeField(null=True)
    #: Number of rows in a list that was rejected as suspiciously short; a person may accept it.
    doubted_rows = models.IntegerField(null=True)

    class Meta:
        """Runs are read newest first."""

        indexes = [models.Index(fields=["system", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.system} {self.started_at:%Y-%m-%d %H:%M}"


class ExternalRecord(models.Model):
    """One row of an outside system, stored as received (Motus: one receiver deployment)."""

    id = models.BigAutoField(primary_key=True)
    system = models.CharField(max_length=32)
    #: The outside system's key of this row, and the name to match, in capitals (Motus: the serial).
    key = models.CharField(max_length=200)
    match_name = models.CharField(max_length=200, db_index=True)
    data = models.JSONField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    #: Set when the outside system no longer lists it.
    absent_since = models.DateTimeField(null=True)

    class Meta:
        """A key is unique within its system."""

        constraints = [models.UniqueConstraint(fields=["system", "key"], name="external_key_once")]

    def __str__(self) -> str:
        return f"{self.system} {self.key}"


class ExternalLink(models.Model):
    """A station and its record in an outside system; None if that system does not list it."""

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="external_links")
    system = models.CharField(max_length=32)
    record = models.ForeignKey(ExternalRecord, null=True, on_delete=models.SET_NULL, related_name="links")
    checked_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        """One link per station and system."""

        constraints = [models.UniqueConstraint(fields=["station", "system"], name="external_link_once")]

    def __str__(self) -> str:
        return f"{self.station_id} in {self.system}"


class ExternalChange(models.Model):
    """One change that an outside system made to one field of a record. It is shown to people, never applied silently.

    `field` is the outside system's name for the field, or `listed` (the record appeared, disappeared or came back), or
    `link` (the station's current record changed; `station` is set, and `record` is the new one, or the last one if none
    is left).
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="field_changes")
    record = models.ForeignKey(ExternalRecord, on_delete=models.CASCADE, related_name="changes")
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="external_changes")
    field = models.CharField(max_length=64)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        """Changes are read newest first."""

        indexes = [models.Index(fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.record_id} {self.field}"
