"""An organization at Motus: its login there, its projects' deployments and tags, and what differs from ours."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from fleet.organizations.models import Organization
from fleet.stations.models import Station


class MotusAccount(models.Model):
    """An organization's login at Motus. Its row outlives a forgotten login, to keep the pauses between tries.

    `sealed_password` is encrypted with the site's key (`fleet.core.sealing`) and leaves the row only towards Motus.
    """

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="motus_account")
    #: Empty: the organization has no login.
    login = models.CharField(max_length=150, blank=True, default="")
    sealed_password = models.TextField(blank=True, default="")
    #: Numbers of Motus' projects, the one for uploads first; empty: all that the login has.
    project_ids = ArrayField(models.IntegerField(), default=list, blank=True)
    #: Motus' answer: number as text -> name.
    projects = models.JSONField(default=dict, blank=True)
    #: Motus refused the login. Roost does not use it again until an owner acts, so that Motus does not lock it.
    is_refused = models.BooleanField(default=False)
    #: Refusals in a row, which lengthen the pause before the next try.
    refusals = models.SmallIntegerField(default=0)
    #: When a person last had it tried; when Motus last answered, and the answer as a sentence.
    asked_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, default="")
    #: The last reading of the projects' deployments: when it was tried, when it worked, and its outcome as a sentence.
    read_tried_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    read_answer = models.TextField(blank=True, default="")
    #: The last reading of the projects' tags that worked, and the outcome of the last one as a sentence.
    tags_read_at = models.DateTimeField(null=True)
    tags_answer = models.TextField(blank=True, default="")
    #: Whether files are found and sent automatically; when a person last asked for a search; when the last one ended;
    #: and the outcome of the last search or sending.
    is_automatic = models.BooleanField(default=False)
    files_asked_at = models.DateTimeField(null=True)
    files_found_at = models.DateTimeField(null=True)
    files_answer = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"Motus of {self.organization_id}"


class MotusDeployment(models.Model):
    """A deployment of a receiver as Motus has it, in one of the organization's projects."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(MotusAccount, on_delete=models.CASCADE, related_name="deployments")
    #: Motus' numbers for the deployment and for its project.
    number = models.BigIntegerField()
    project_id = models.IntegerField()
    #: The serial as Motus writes it, and in the form in which serials are compared.
    serial = models.CharField(max_length=200)
    match_name = models.CharField(max_length=200)
    name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=40, blank=True)
    latitude = models.FloatField(null=True)
    longitude = models.FloatField(null=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    #: For each antenna: port, type, bearing_deg, height_m, frequency_mhz; missing figures are null.
    antennas = models.JSONField(default=list)

    class Meta:
        """Motus' number is unique within the account."""

        constraints = [models.UniqueConstraint(fields=["account", "number"], name="motus_deployment_once")]
        indexes = [models.Index(fields=["account", "match_name"])]

    def __str__(self) -> str:
        return f"{self.serial} at {self.name}"


class MotusDifference(models.Model):
    """One point in which Motus' record of a station differs from ours. `kept_at`: when a person decided ours is right.

    A decision holds for these two values: if either changes, the difference is reported again.
    """

    class Kind(models.TextChoices):
        """The kind of difference."""

        UNKNOWN_THERE = "unknown_there"
        UNKNOWN_HERE = "unknown_here"
        PLACE = "place"
        PORT = "port"
        FREQUENCY = "frequency"
        BEARING = "bearing"
        HEIGHT = "height"

    id = models.BigAutoField(primary_key=True)
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="motus_differences")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    #: The port of the antenna, if the difference is about one.
    port = models.IntegerField(null=True)
    #: Both values as text, such as `166.38`; empty where there is none.
    ours = models.CharField(max_length=200, blank=True)
    theirs = models.CharField(max_length=200, blank=True)
    found_at = models.DateTimeField()
    kept_at = models.DateTimeField(null=True)
    kept_by_name = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        """One difference per station, kind and port."""

        constraints = [
            models.UniqueConstraint(
                fields=["station", "kind", "port"], name="motus_difference_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.station_id} {self.kind}"


class MotusTag(models.Model):
    """A tag of one of the organization's projects at Motus. Several may share a code."""

    id = models.BigAutoField(primary_key=True)
    account = models.ForeignKey(MotusAccount, on_delete=models.CASCADE, related_name="tags")
    #: Motus' numbers for the tag and for its project.
    number = models.BigIntegerField()
    project_id = models.IntegerField()
    #: The code that receivers hear, as Motus writes it, and in upper case.
    code = models.CharField(max_length=64)
    match_name = models.CharField(max_length=64)
    #: Its name for people: the species and Motus' number.
    name = models.CharField(max_length=160)
    species = models.CharField(max_length=120, blank=True)
    deployed_at = models.DateTimeField(null=True)

    class Meta:
        """Motus' number is unique within the account."""

        constraints = [models.UniqueConstraint(fields=["account", "number"], name="motus_tag_once")]
        indexes = [models.Index(fields=["match_name", "account"])]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
