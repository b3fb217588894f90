"""Forms for places: sites, rooms, deployments and what is public of them."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.core.zones import zone_choices
from fleet.deployments.models import Deployment, Room, Site
from sg_status.forms import OrganizationField
from sg_status.time_fields import DayField, MomentField, NumberField, unchanged_kept

LOCATIONS = (
    (Deployment.Location.EXACT, gettext_lazy("at its exact position")),
    (Deployment.Location.BLURRED, gettext_lazy("somewhere in a circle")),
    (Deployment.Location.WITHHELD, gettext_lazy("not shown")),
)


def _degrees(label: Any) -> NumberField:
    return NumberField(label=label, required=False)


class SiteForm(forms.Form):
    """A site."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    latitude = _degrees(gettext_lazy("Latitude, degrees north"))
    longitude = _degrees(gettext_lazy("Longitude, degrees east"))
    elevation_m = NumberField(label=gettext_lazy("Elevation, m"), required=False)
    timezone = forms.ChoiceField(label=gettext_lazy("Timezone"), choices=zone_choices)
    street = forms.CharField(label=gettext_lazy("Street"), max_length=200, required=False)
    postal_code = forms.CharField(label=gettext_lazy("Postal code"), max_length=20, required=False)
    city = forms.CharField(label=gettext_lazy("City"), max_length=120, required=False)
    country = forms.CharField(label=gettext_lazy("Country"), max_length=80, required=False)
    notes = forms.CharField(
        label=gettext_lazy("Notes"), max_length=10_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    @classmethod
    def of(cls, site: Site, data: Any = None) -> "SiteForm":
        """The form with the current values."""
        form = cls(data, initial={name: getattr(site, name) for name in cls.base_fields})
        choice = form.fields["timezone"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
        choice.choices = zone_choices(site.timezone)
        return form


class SiteAddForm(forms.Form):
    """A new site: its name and position; its own page has the rest."""

    organization = OrganizationField()
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    latitude = _degrees(gettext_lazy("Latitude, degrees north"))
    longitude = _degrees(gettext_lazy("Longitude, degrees east"))

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        refusal = _("You cannot add sites to this organization.")
        self.fields["organization"] = OrganizationField(organizations, refusal=refusal)


class RoomForm(forms.Form):
    """A room."""

    name = forms.CharField(label=gettext_lazy("Room"), max_length=120)
    size_sqm = NumberField(label=gettext_lazy("Size, m²"), required=False)
    height_m = NumberField(label=gettext_lazy("Height, m"), required=False)
    occupancy = forms.IntegerField(label=gettext_lazy("People"), required=False, min_value=0)


class DeployForm(forms.Form):
    """Deploying a station at a site."""

    site = forms.ModelChoiceField(label=gettext_lazy("Site"), queryset=Site.objects.none(), empty_label=None)
    at = MomentField(
        label=gettext_lazy("Since"),
        required=False,
        help_text=gettext_lazy("Leave empty to use the current time."),
    )
    description = forms.CharField(
        label=gettext_lazy("How it is mounted"),
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, organization_id: int, data: Any = None) -> None:
        super().__init__(data)
        choice = self.fields["site"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        choice.queryset = Site.objects.filter(organization=organization_id).order_by("name")


class EndForm(forms.Form):
    """Ending a deployment."""

    at = MomentField(label=gettext_lazy("Until"), required=False, help_text=gettext_lazy("Leave empty to end it now."))


class DeploymentForm(forms.Form):
    """Correcting a deployment."""

    start = MomentField(label=gettext_lazy("Since"))
    end = MomentField(
        label=gettext_lazy("Until"), required=False, help_text=gettext_lazy("Leave empty if it is still there.")
    )
    room = forms.ModelChoiceField(
        label=gettext_lazy("Room"), queryset=Room.objects.none(), required=False, empty_label=gettext_lazy("none")
    )
    latitude = _degrees(gettext_lazy("Latitude, degrees north"))
    longitude = _degrees(gettext_lazy("Longitude, degrees east"))
    description = forms.CharField(
        label=gettext_lazy("How it is mounted"),
        max_length=10_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    @classmethod
    def of(cls, deployment: Deployment, data: Any = None) -> "DeploymentForm":
        """The form with the current values. Coordinates are filled in only if the deployment has its own."""
        form = cls(
            data,
            initial={
                "start": deployment.period.lower,
                "end": deployment.period.upper,
                "room": deployment.room_id,
                "latitude": deployment.latitude,
                "longitude": deployment.longitude,
                "description": deployment.description,
            },
        )
        form.fields["latitude"].help_text = _("Leave empty to use the site's.")
        choice = form.fields["room"]
        assert isinstance(choice, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        choice.queryset = Room.objects.filter(site=deployment.site_id).order_by("name")
        return form

    def clean(self) -> dict[str, Any]:
        """Keep the seconds of times that were left alone."""
        super().clean()
        unchanged_kept(self)
        return self.cleaned_data


class PublishForm(forms.Form):
    """The form for the public part of a deployment."""

    is_public = forms.BooleanField(label=gettext_lazy("Everyone can see this place"), required=False)
    location = forms.ChoiceField(label=gettext_lazy("Published position"), choices=LOCATIONS)
    blur_radius_km = NumberField(
        label=gettext_lazy("Radius of the circle, km"), required=False, min_value=0.1, max_value=200
    )
    withheld_until = DayField(
        label=gettext_lazy("Withheld until"),
        required=False,
        help_text=gettext_lazy("Leave empty to withhold it permanently."),
    )
    is_serial_public = forms.BooleanField(label=gettext_lazy("Show the station's serial"), required=False)

    @classmethod
    def of(cls, deployment: Deployment, data: Any = None) -> "PublishForm":
        """The form with the current values."""
        radius, until = deployment.blur_radius_m, deployment.withheld_until
        return cls(
            data,
            initial={
                "is_public": deployment.is_public,
                "location": deployment.location,
                "blur_radius_km": None if radius is None else radius / 1_000,
                "withheld_until": until,
                "is_serial_public": deployment.is_serial_public,
            },
        )

    def clean(self) -> dict[str, Any]:
        """Require a radius for a circle."""
        filled = super().clean() or {}
        unchanged_kept(self)
        if filled.get("location") == Deployment.Location.BLURRED and filled.get("blur_radius_km", 0) is None:
            self.add_error("blur_radius_km", _("Enter the radius of the circle: from 0.1 to 200 km."))
        return filled

    @property
    def radius_m(self) -> float | None:
        """The radius in metres."""
        radius = self.cleaned_data["blur_radius_km"]
        return None if radius is None else radius * 1_000

    @property
    def until(self) -> datetime | None:
        """The end of withholding."""
        end: datetime | None = self.cleaned_data["withheld_until"]
        return end
