"""Forms of the page of data packages."""

from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.core.zones import day_start
from fleet.deployments.models import Site
from fleet.exports.descriptor import LICENCES
from fleet.exports.models import DataTerms
from fleet.exports.question import KINDS, STATIONS_MOST, Format, deployments_at
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from sg_status.time_fields import DayField

#: With more stations than this, serials are typed: boxes for thousands would be a page of their own.
_BOXES_MOST: Final = 40
#: With more sites than this, a name is typed.
_SITES_MOST: Final = 100
_DAYS_SHOWN: Final = 30
#: Kinds of rows in words.
KIND_WORDS: Final = {
    "readings": _("readings"),
    "detections": _("detections"),
    "positions": _("positions"),
    "events": _("events"),
}


class PackageForm(forms.Form):
    """The contents of a package."""

    stations = forms.CharField(label=_("Stations"))
    site = forms.CharField(
        label=_("Site"),
        required=False,
        max_length=120,
        help_text=_("The name of a site: only what stations recorded while they were there. Leave empty for all."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Data"),
        choices=tuple(KIND_WORDS.items()),
        initial=["readings", "detections"],
        widget=forms.CheckboxSelectMultiple,
    )
    start = DayField(label=_("From"))
    end = DayField(label=_("To"), is_end=True)
    wanted = forms.ChoiceField(
        label=_("Format"),
        choices=(
            (Format.CSV.value, _("CSV: for spreadsheets and everything else")),
            (Format.PARQUET.value, _("Parquet: small and fast, for pandas, R and DuckDB")),
            (Format.NDJSON.value, _("NDJSON: one JSON object per line")),
        ),
    )
    series = forms.CharField(
        label=_("Only these readings"),
        required=False,
        max_length=30_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("Names of series, one per line, such as health/battery_v. Leave empty for all."),
    )
    is_local = forms.BooleanField(label=_("Also the local time of each row"), required=False)
    is_clean = forms.BooleanField(
        label=_("Leave out rows marked as doubtful"),
        required=False,
        help_text=_(
            "Otherwise the package contains them, each with its reason. If you leave them out, it says how many."
        ),
    )

    @classmethod
    def of(cls, organization: Organization, moment: datetime, data: Any = None) -> "PackageForm":
        """The form for an organization; the last 30 days are filled in."""
        initial = {"start": day_start(moment, days=-_DAYS_SHOWN), "end": day_start(moment)}
        form = cls(data, initial=initial)
        form.fields["stations"] = stations_field(organization)
        names = list(
            Site.objects.filter(organization=organization)
            .order_by("name")
            .values_list("name", flat=True)[: _SITES_MOST + 1]
        )
        if len(names) <= _SITES_MOST:
            form.fields["site"] = forms.ChoiceField(
                label=_("Site"),
                required=False,
                choices=[("", _("all sites")), *((name, name) for name in names)],
                help_text=_("With a site: only what stations recorded while they were there."),
            )
        return form

    def question(self, organization: Organization) -> dict[str, Any]:
        """The arguments of `package_ask`. Raises `InvalidInput` if no station was at the site in the period."""
        told = self.cleaned_data
        serials = told["stations"] if isinstance(told["stations"], list) else told["stations"].split()
        deployment_ids: list[int] = []
        if told["site"]:
            deployment_ids = deployments_at(
                organization=organization,
                site=told["site"],
                serials=serials,
                start=told["start"],
                end=told["end"],
            )
        return {
            "serials": [] if deployment_ids else serials,
            "deployment_ids": deployment_ids,
            "kinds": [kind for kind in KINDS if kind in told["kinds"]],
            "start": told["start"],
            "end": told["end"],
            "wanted": told["wanted"],
            "series": [line.strip() for line in told["series"].splitlines() if line.strip()],
            "is_local": told["is_local"],
            "is_clean": told["is_clean"],
        }


def stations_field(organization: Organization) -> forms.Field:
    """The choice of stations: boxes, or serials to type if there are many."""
    stations = list(
        Station.objects.filter(organization=organization, deleted_at=None).order_by("name", "serial")[: _BOXES_MOST + 1]
    )
    if len(stations) > _BOXES_MOST:
        return forms.CharField(
            label=_("Stations"),
            required=False,
            max_length=STATIONS_MOST * 81,
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            help_text=_("Serials, one per line. Leave empty for all stations."),
        )
    return forms.MultipleChoiceField(
        label=_("Stations"),
        required=False,
        choices=[(one.serial, str(one)) for one in stations],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Select none to get all stations."),
    )


class TermsForm(forms.Form):
    """The licence and citation of an organization's data."""

    licence = forms.ChoiceField(
        label=_("Licence"),
        required=False,
        choices=(("", _("none chosen")), *((name, one.title) for name, one in LICENCES.items())),
    )
    citation = forms.CharField(
        label=_("Citation"),
        required=False,
        max_length=500,
        help_text=_("How to cite the data, such as: Long Point Bird Observatory (2026), receiver data."),
    )

    @classmethod
    def of(cls, terms: DataTerms, data: Any = None) -> "TermsForm":
        """The form with the current terms."""
        return cls(data, initial={"licence": terms.licence, "citation": terms.citation}, auto_id="terms_%s")
