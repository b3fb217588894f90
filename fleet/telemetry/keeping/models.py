"""Rules of which readings are stored and for how long, and counts of those that they keep away."""

from django.db import models
from django.db.models import F, Q

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class RetentionRule(models.Model):
    """Which readings of some series are stored, and for how long, by the station's clock. None means all, or forever.

    A rule is an organization's or one station's. One rule applies to a series: the station's with the longest pattern
    that matches its name, or else the organization's.
    """

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, null=True, on_delete=models.CASCADE, related_name="retention_rules")
    station = models.ForeignKey(Station, null=True, on_delete=models.CASCADE, related_name="retention_rules")
    #: Shell pattern such as `health/*`; `*` matches every series.
    pattern = models.CharField(max_length=128, default="*")
    raw_days = models.PositiveIntegerField(null=True, blank=True)
    hour_days = models.PositiveIntegerField(null=True, blank=True)
    day_days = models.PositiveIntegerField(null=True, blank=True)
    #: Only this many of a series' newest readings are kept, and the rest of the hour that the oldest of them is in.
    most = models.PositiveIntegerField(null=True, blank=True)
    #: At most one reading is stored in each interval of this many seconds; and since when the rule has this interval.
    interval_s = models.PositiveIntegerField(null=True, blank=True)
    interval_since = models.DateTimeField(null=True, editable=False)
    #: In the organization's oldest rule: readings since the last run that arrived for a time already cleared.
    late = models.BigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        """One rule per pattern; finer data is kept for at most as long as coarser."""

        constraints = [
            models.UniqueConstraint(fields=["organization", "pattern"], name="retention_pattern_once"),
            models.UniqueConstraint(fields=["station", "pattern"], name="retention_station_once"),
            models.CheckConstraint(
                condition=Q(organization=None, station__isnull=False) | Q(organization__isnull=False, station=None),
                name="retention_of_one",
            ),
            models.CheckConstraint(
                name="retention_finer_first",
                condition=(Q(hour_days=None) | (Q(raw_days__isnull=False) & Q(raw_days__lte=F("hour_days"))))
                & (Q(day_days=None) | (Q(hour_days__isnull=False) & Q(hour_days__lte=F("day_days")))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.station or self.organization} {self.pattern}"


class SeriesTally(models.Model):
    """Counts of readings of a series that a rule (`RetentionRule`) kept away; without any, there is no row."""

    series = models.OneToOneField("telemetry.Series", on_delete=models.CASCADE, primary_key=True, related_name="tally")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="+")
    #: Never stored, because their interval already had a reading; and when the last of these arrived.
    kept_back = models.BigIntegerField(default=0)
    kept_back_at = models.DateTimeField(null=True)
    #: Stored and removed later.
    removed = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series_id}: {self.kept_back} kept back, {self.removed} removed"


class DetectionRule(models.Model):
    """Days for which an organization keeps single detections; without a row, forever."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True, related_name="detection_rule"
    )
    days = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.days} days"


class ClearedDetections(models.Model):
    """How far retention has removed a station's single detections, up to the start of a day, and how many."""

    station = models.OneToOneField(
        Station, on_delete=models.CASCADE, primary_key=True, related_name="cleared_detections"
    )
    before = models.DateTimeField(null=True)
    removed = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.station_id} before {self.before}: {self.removed}"
