"""How people organize their stations: device models, tags, groups and saved filters."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from fleet.organizations.models import Organization


class StationModel(models.Model):
    """A kind of device: its maker and what it measures. Without an organization, everybody can use it."""

    class Kind(models.TextChoices):
        """The purpose of a device."""

        RECEIVER = "receiver"
        AIR_QUALITY = "air_quality"
        CONTROLLER = "controller"
        BOARD = "board"
        OTHER = "other"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.CASCADE, related_name="station_models"
    )
    name = models.CharField(max_length=80)
    manufacturer = models.CharField(max_length=80, blank=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.OTHER)
    notes = models.TextField(blank=True)

    class Meta:
        """Names are unique within an organization, and among the models for everybody."""

        constraints = [
            models.UniqueConstraint("organization", Lower("name"), name="station_model_name_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.name}" if self.manufacturer else self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, str(self)


class ModelQuantity(models.Model):
    """A quantity that devices of a model measure: the name of its series, and its unit in SenML notation."""

    id = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(StationModel, on_delete=models.CASCADE, related_name="quantities")
    name = models.CharField(max_length=128)
    unit = models.CharField(max_length=32, blank=True)
    #: Values outside are stored and marked, but left out of means. In the quantity's unit.
    least = models.FloatField(null=True, blank=True)
    most = models.FloatField(null=True, blank=True)

    class Meta:
        """A model has each quantity once."""

        constraints = [models.UniqueConstraint(fields=["model", "name"], name="model_quantity_once")]

    def __str__(self) -> str:
        named = f"{self.name} [{self.unit}]" if self.unit else self.name
        if self.least is None and self.most is None:
            return named
        least = "" if self.least is None else f"{self.least:g}"
        most = "" if self.most is None else f"{self.most:g}"
        return f"{named} {least}..{most}"


class Tag(models.Model):
    """A word an organization attaches to stations; it exists as long as at least one station has it."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=40)
    stations = models.ManyToManyField("stations.Station", related_name="tags")

    class Meta:
        """Tags that differ only in case are the same tag."""

        constraints = [models.UniqueConstraint("organization", Lower("name"), name="tag_name_once")]

    def __str__(self) -> str:
        return self.name


class StationGroup(models.Model):
    """Stations that belong together: those added by hand, and those that match the group's rule."""

    class Rule(models.TextChoices):
        """Which stations belong to a group besides those added by hand."""

        NONE = ""
        #: Serials that begin with the value.
        SERIAL = "serial"
        #: The address the station reports is in the network given by the value.
        ADDRESS = "address"
        TAG = "tag"
        MODEL = "model"

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="station_groups")
    name = models.CharField(max_length=80)
    rule = models.CharField(max_length=16, choices=Rule.choices, default=Rule.NONE, blank=True)
    value = models.CharField(max_length=120, blank=True)
    members = models.ManyToManyField("stations.Station", related_name="groups_by_hand")

    class Meta:
        """Names are unique within an organization."""

        constraints = [models.UniqueConstraint("organization", Lower("name"), name="station_group_name_once")]

    def __str__(self) -> str:
        return self.name

    def audited_as(self) -> tuple[int | None, str]:
        """Organization and name for the audit log."""
        return self.organization_id, self.name


class SavedFilter(models.Model):
    """A person's saved view of the fleet page: the query of its URL."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)

    class Meta:
        """Names are unique per person."""

        constraints = [models.UniqueConstraint("user", Lower("name"), name="saved_filter_name_once")]

    def __str__(self) -> str:
        return self.name
