"""Forms for places: sites, rooms, deployments, their antennas and what is public."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.deployments.antennas import ANTENNAS_MOST, AntennaSaid
from fleet.deployments.models import Deployment, Room, Site
from sg_status.forms import OrganizationField

_DEGREES = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
_MOMENT = "%Y-%m-%dT%H:%M"
LOCATIONS = (
    (Deployment.Location.EXACT, gettext_lazy("at its exact position")),
    (Deployment.Location.BLURRED, gettext_lazy("somewhere in a circle")),
    (Deployment.Location.WITHHELD, gettext_lazy("not shown")),
)


def _degrees(label: Any) -> forms.FloatField:
    return forms.FloatField(label=label, required=False, widget=_DEGREES)


class _MomentField(forms.DateTimeField):
    """A time in UTC, as browsers let people pick it."""

    def __init__(self, **options: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT)
        super().__init__(widget=widget, input_formats=[_MOMENT, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **options)


class SiteForm(forms.Form):
    """A site."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    latitude = _degrees(gettext_lazy("Latitude, degrees north"))
    longitude = _degrees(gettext_lazy("Longitude, degrees east"))
    elevation_m = forms.FloatField(label=gettext_lazy("Elevation, m"), required=False, widget=_DEGREES)
    timezone = forms.CharField(
        label=gettext_lazy("Timezone"), max_length=64, help_text=gettext_lazy("For example Europe/Berlin.")
    )
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
        return cls(data, initial={name: getattr(site, name) for name in cls.base_fields})


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
    size_sqm = forms.FloatField(label=gettext_lazy("Size, m²"), required=False, widget=_DEGREES)
    height_m = forms.FloatField(label=gettext_lazy("Height, m"), required=False, widget=_DEGREES)
    occupancy = forms.IntegerField(label=gettext_lazy("People"), required=False, min_value=0)


class DeployForm(forms.Form):
    """Deploying a station at a site."""

    site = forms.ModelChoiceField(label=gettext_lazy("Site"), queryset=Site.objects.none(), empty_label=None)
    at = _MomentField(
        label=gettext_lazy("Since (UTC)"),
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

    at = _MomentField(
        label=gettext_lazy("Until (UTC)"), required=False, help_text=gettext_lazy("Leave empty to end it now.")
    )


class DeploymentForm(forms.Form):
    """Correcting a deployment."""

    start = _MomentField(label=gettext_lazy("Since (UTC)"))
    end = _MomentField(
        label=gettext_lazy("Until (UTC)"), required=False, help_text=gettext_lazy("Leave empty if it is still there.")
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


class AntennasForm(forms.Form):
    """All antennas of a deployment, one per line."""

    antennas = forms.CharField(
        label=gettext_lazy("Antennas, one per line"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Port; type; bearing in degrees; height in metres; frequency in MHz; cable. "
            "For example: 1; Yagi 9; 90; 12; 166.38; LMR-400 8 m"
        ),
    )

    @classmethod
    def of(cls, deployment: Deployment, data: Any = None) -> "AntennasForm":
        """The form with the current values."""
        lines = [
            "; ".join("" if part is None else f"{part:g}" if isinstance(part, float) else str(part) for part in said)
            for said in deployment.antennas.order_by("port").values_list(*AntennaSaid._fields)
        ]
        return cls(data, initial={"antennas": "\n".join(line.rstrip("; ") for line in lines)})

    def clean_antennas(self) -> list[AntennaSaid]:
        """The lines as antennas; an error names an unreadable line."""
        lines = [line for line in self.cleaned_data["antennas"].splitlines() if line.strip()]
        if len(lines) > ANTENNAS_MOST:
            raise forms.ValidationError(_("A station can have at most %(most)d antennas.") % {"most": ANTENNAS_MOST})
        return [self._read(line) for line in lines]

    def _read(self, line: str) -> AntennaSaid:
        parts = [part.strip() for part in line.split(";")]
        try:
            port, kind, bearing, height, frequency, cable = [*parts, *[""] * (6 - len(parts))]
            return AntennaSaid(int(port), kind, _number(bearing), _number(height), _number(frequency), cable)
        except ValueError as error:
            raise forms.ValidationError(
                _("“%(line)s” cannot be read: write port; type; bearing; height; frequency; cable.")
                % {"line": line[:80]}
            ) from error


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if text else None


class PublishForm(forms.Form):
    """What is public about a deployment."""

    is_public = forms.BooleanField(label=gettext_lazy("Everyone can see this place"), required=False)
    location = forms.ChoiceField(label=gettext_lazy("Published position"), choices=LOCATIONS)
    blur_radius_km = forms.FloatField(
        label=gettext_lazy("Radius of the circle, km"), required=False, widget=_DEGREES, min_value=0.1, max_value=200
    )
    withheld_until = forms.DateField(
        label=gettext_lazy("Withheld until (UTC)"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
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
                "withheld_until": until.date() if until else None,
                "is_serial_public": deployment.is_serial_public,
            },
        )

    def clean(self) -> dict[str, Any]:
        """Require a radius for a circle."""
        filled = super().clean() or {}
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
        """The end of withholding, as a datetime."""
        day = self.cleaned_data["withheld_until"]
        return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None
