"""Runs of synchronisation with outside systems, what those said, and how stations are linked to it."""

from django.db import models

from fleet.stations.models import Station


class SyncRun(models.Model):
    """One attempt to bring one outside system into step.

    running ──▶ succeeded | failed
    """

    class State(models.TextChoices):
        """How the run went."""

        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    system = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    #: Person who pressed the button, or empty for the clock.
    started_by_name = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    records = models.IntegerField(default=0)
    changes = models.IntegerField(default=0)
    #: How it went, or what went wrong, as a sentence.
    sentence = models.TextField(blank=True)
    #: After a failure: the clock asks again not before this moment.
    not_before = models.DateTimeField(null=True)
    #: Rows of a list that was not believed because it is so much shorter than the one before; a person may take it.
    doubted_rows = models.IntegerField(null=True)

    class Meta:
        """Read newest first."""

        indexes = [models.Index(fields=["system", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.system} {self.started_at:%Y-%m-%d %H:%M}"


class ExternalRecord(models.Model):
    """One thing as an outside system describes it, kept as it came (Motus: one receiver deployment)."""

    id = models.BigAutoField(primary_key=True)
    system = models.CharField(max_length=32)
    #: The outside system's key for this row, and the name by which we match, in capitals (Motus: the serial).
    key = models.CharField(max_length=200)
    match_name = models.CharField(max_length=200, db_index=True)
    data = models.JSONField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    #: Set when the outside system no longer lists it.
    absent_since = models.DateTimeField(null=True)

    class Meta:
        """A key is one record of its system."""

        constraints = [models.UniqueConstraint(fields=["system", "key"], name="external_key_once")]

    def __str__(self) -> str:
        return f"{self.system} {self.key}"


class ExternalLink(models.Model):
    """A station and the record that is it in an outside system; None when that system does not know it."""

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
    """One field of one record that an outside system changed: shown, never taken over in silence.

    `field` is the outside system's name of it, or `listed` (it came, went or came back), or `link` (which record
    is the station's now; `station` is set, and `record` is the new one, or the last one when none is left).
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
        """Read newest first."""

        indexes = [models.Index(fields=["-at"])]

    def __str__(self) -> str:
        return f"{self.record_id} {self.field}"
