"""Receivers at Motus: which files of each day it has, how many runs it found in them, and who sends them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from fleet.sync.models.motus import MotusAccount


class MotusReceiver(models.Model):
    """One station at Motus: the last weekly comparison of files, and whether the station uploads by itself.

    `is_by_itself` is set when Motus lists recent files that were not sent from here, unless a person has decided.
    """

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(MotusAccount, on_delete=models.CASCADE, related_name="receivers")
    serial = models.CharField(max_length=128)
    #: When a comparison last worked, was last tried, and last counted all runs; when Motus last listed its files;
    #: temporary failures in a row, and the last outcome as a sentence.
    checked_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    counted_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(default=0, db_default=0)
    answer = models.TextField(blank=True, default="")
    #: Days of which Motus has files and Roost found none: how many days, how many files, and the last day.
    other_days = models.IntegerField(default=0)
    other_files = models.IntegerField(default=0)
    other_last = models.DateField(null=True)
    #: For each batch at Motus: its number, hits, time of creation, begin and end, to notice when Motus replaces it.
    batches = models.JSONField(default=list)
    is_by_itself = models.BooleanField(default=False)
    noticed_at = models.DateTimeField(null=True)
    #: The person who decided about `is_by_itself`, and the time.
    decided_at = models.DateTimeField(null=True)
    decided_by_name = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        """A serial is one receiver of its account."""

        constraints = [models.UniqueConstraint(fields=["account", "serial"], name="motus_receiver_once")]

    def __str__(self) -> str:
        return self.serial


class MotusDay(models.Model):
    """One day of one receiver: the files that Motus accepted from here, compared with those it lists.

    Lists of names are cut at 50; the fields `n_…` have the full numbers.
    """

    id = models.BigAutoField(primary_key=True)
    receiver = models.ForeignKey(MotusReceiver, on_delete=models.CASCADE, related_name="days")
    day = models.DateField()
    ours = models.IntegerField(default=0)
    theirs = models.IntegerField(default=0)
    #: Files accepted by Motus and not listed; listed and never found here; listed with another size than sent.
    missing_there = ArrayField(models.TextField(), default=list)
    missing_here = ArrayField(models.TextField(), default=list)
    other_sizes = ArrayField(models.TextField(), default=list)
    n_missing_there = models.IntegerField(default=0)
    n_missing_here = models.IntegerField(default=0)
    n_other_sizes = models.IntegerField(default=0)
    #: When the names were last compared, and since when Motus lacks something.
    checked_at = models.DateTimeField()
    lacking_since = models.DateTimeField(null=True)
    #: Runs of tags that began on this day; None: not counted yet, or no batch covers the day. Then their number before
    #: Motus last processed the day again, and when that was noticed.
    runs = models.IntegerField(null=True)
    runs_before = models.IntegerField(null=True)
    runs_changed_at = models.DateTimeField(null=True)

    class Meta:
        """One row per receiver and day; an index for days that lack something."""

        constraints = [models.UniqueConstraint(fields=["receiver", "day"], name="motus_day_once")]
        indexes = [
            models.Index(fields=["receiver"], name="motus_day_lacking", condition=models.Q(lacking_since__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.day} of {self.receiver}"
