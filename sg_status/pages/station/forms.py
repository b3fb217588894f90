"""Forms for changing a station."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from fleet.core.errors import InvalidInput
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station, StationModel
from fleet.stations.parents import parent_find
from fleet.stations.quotas import BYTES_MOST, MESSAGES_MOST, StationQuota, station_quota
from fleet.stations.services import StationChanges
from fleet.stations.sorting.device_models import model_guessed, model_list
from fleet.stations.sorting.tags import tags_read
from sg_status.time_fields import DayField, MomentField, NumberField

_HOUR_S = 3_600.0
_MB = 1_000_000


class QuotaForm(forms.Form):
    """A station's quota; only for administrators of the server."""

    messages_per_s = NumberField(
        label=gettext_lazy("Messages per second"),
        required=False,
        min_value=0,
        max_value=MESSAGES_MOST,
    )
    mb_per_hour = NumberField(
        label=gettext_lazy("MB per hour"),
        required=False,
        min_value=0,
        max_value=BYTES_MOST / _MB,
        help_text=gettext_lazy(
            "Leave empty for the server's default; 0 means no limit. Messages over the quota wait and are "
            "processed later."
        ),
    )

    @classmethod
    def of(cls, station: Station, data: Any = None) -> "QuotaForm":
        """The form with the current values."""
        own = station_quota(station)
        octets = None if own.bytes_per_hour is None else own.bytes_per_hour / _MB
        return cls(data, initial={"messages_per_s": own.messages_per_s, "mb_per_hour": octets})

    def quota(self) -> StationQuota:
        """The values filled in."""
        octets = self.cleaned_data["mb_per_hour"]
        return StationQuota(self.cleaned_data["messages_per_s"], None if octets is None else octets * _MB)


class StationForm(forms.Form):
    """Settings of a station that an operator can change."""

    #: The person who fills it in; only stations that this person sees can be the gateway.
    viewer: Viewer

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, required=False, help_text=gettext_lazy("The name your team uses.")
    )
    interval_hours = NumberField(
        label=gettext_lazy("Expected contact interval, hours"),
        required=False,
        min_value=1 / 60,
        max_value=31 * 24,
        help_text=gettext_lazy(
            "Used if the station does not announce its own interval. If left empty, it is learned. After 1.5 "
            "intervals the station is late, after three it is silent."
        ),
    )
    is_in_maintenance = forms.BooleanField(
        label=gettext_lazy("In maintenance: silence raises no alert"), required=False
    )
    maintenance_until = MomentField(
        label=gettext_lazy("Maintenance ends by itself at"),
        required=False,
        help_text=gettext_lazy("Leave empty to end it yourself."),
    )
    asleep_until = DayField(
        label=gettext_lazy("Planned sleep until"),
        required=False,
        help_text=gettext_lazy("Silence is expected until then, for example over the winter."),
    )
    data_plan_mb = NumberField(
        label=gettext_lazy("Data plan, MB per month"),
        required=False,
        min_value=0.1,
        max_value=1_000_000,
        help_text=gettext_lazy(
            "Sent and received. An alert is raised when most of it is used or it will not last the month."
        ),
    )
    model = forms.ModelChoiceField(
        label=gettext_lazy("Model"),
        queryset=StationModel.objects.none(),
        required=False,
        empty_label=gettext_lazy("not set"),
    )
    parent = forms.CharField(
        label=gettext_lazy("Gateway"),
        max_length=80,
        required=False,
        help_text=gettext_lazy(
            "The serial of the station through which this one reaches Roost. While that gateway is silent, this "
            "station's silence is reported with it, in one alert."
        ),
    )
    tags = forms.CharField(
        label=pgettext_lazy("station", "Tags"),
        max_length=900,
        required=False,
        help_text=gettext_lazy("Separated by commas, for example: north coast, solar"),
    )
    notes = forms.CharField(
        label=gettext_lazy("Notes"), required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 5})
    )

    @classmethod
    def of(cls, viewer: Viewer, station: Station, data: Any = None) -> "StationForm":
        """The form with the current values."""
        interval = station.operator_interval_s
        form = cls(
            data,
            initial={
                "name": station.name,
                "interval_hours": None if interval is None else round(interval / _HOUR_S, 4),
                "is_in_maintenance": station.is_in_maintenance,
                "maintenance_until": station.maintenance_until,
                "asleep_until": station.asleep_until,
                "data_plan_mb": None if station.data_plan_bytes is None else station.data_plan_bytes / _MB,
                "model": station.model_id,
                "parent": station.parent.serial if station.parent else "",
                "tags": ", ".join(station.tags.order_by("name").values_list("name", flat=True)),
                "notes": station.notes,
            },
        )
        form.viewer = viewer
        choice = form.fields["model"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        choice.queryset = model_list(viewer=viewer).filter(
            Q(organization=None) | Q(organization=station.organization_id)
        )
        if guess := model_guessed(station=station):
            choice.help_text = _("Guessed from the serial: %(model)s. Select it if it is right, or choose another.") % {
                "model": guess
            }
        return form

    def changes(self) -> StationChanges:
        """Only the changed fields, so that two simultaneous editors do not undo each other."""
        filled, made = self.cleaned_data, StationChanges()
        if "name" in self.changed_data:
            made["name"] = filled["name"]
        if "notes" in self.changed_data:
            made["notes"] = filled["notes"]
        if "interval_hours" in self.changed_data:
            hours = filled["interval_hours"]
            made["operator_interval_s"] = None if hours is None else hours * _HOUR_S
        if "data_plan_mb" in self.changed_data:
            plan = filled["data_plan_mb"]
            made["data_plan_bytes"] = None if plan is None else round(plan * _MB)
        if "is_in_maintenance" in self.changed_data:
            made["is_in_maintenance"] = filled["is_in_maintenance"]
        if "maintenance_until" in self.changed_data:
            made["maintenance_until"] = filled["maintenance_until"]
        if "asleep_until" in self.changed_data:
            made["asleep_until"] = filled["asleep_until"]
        if "model" in self.changed_data:
            made["model"] = filled["model"]
        if "parent" in self.changed_data:
            made["parent"] = filled["parent"]
        if "tags" in self.changed_data:
            made["tags"] = filled["tags"]
        return made

    def clean_parent(self) -> Station | None:
        """The station with this serial."""
        if "parent" not in self.changed_data:
            return None
        try:
            return parent_find(viewer=self.viewer, serial=self.cleaned_data["parent"])
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error

    def clean_tags(self) -> list[str]:
        """The tags as a list."""
        try:
            return tags_read(self.cleaned_data["tags"])
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error


class StationAddForm(forms.Form):
    """A new station: its serial, organization and name."""

    serial = forms.CharField(
        label=gettext_lazy("Serial"),
        max_length=64,
        help_text=gettext_lazy("As printed on the device, for example SG-7F5ERPI46977."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
    )
    organization = forms.ModelChoiceField(
        label=gettext_lazy("Organization"), queryset=Organization.objects.none(), empty_label=None
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("The name your team uses; you can change it later."),
    )

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        choice = self.fields["organization"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        choice.queryset = Organization.objects.filter(id__in=organizations).order_by("name")
        choice.error_messages["invalid_choice"] = _("You cannot add stations to this organization.")
