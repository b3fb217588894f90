"""Forms of the status page: its settings, what it shows, and notices."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.deployments.models import Site
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.status_pages.models import StatusPage
from fleet.status_pages.notices import TEXT_MOST
from fleet.status_pages.notices import TITLE_MOST as NOTICE_TITLE_MOST
from fleet.status_pages.services import NAME_MOST, SLUG_MOST, TITLE_MOST, WORDS_MOST, StatusAsked
from sg_status.time_fields import MomentField

#: Prefixes of the values in the choice of stations and sites.
STATION: Final = "station-"
SITE: Final = "site-"


class StatusForm(forms.Form):
    """The settings of the page."""

    title = forms.CharField(label=_("Title"), max_length=TITLE_MOST)
    slug = forms.CharField(
        label=_("Name in addresses"),
        max_length=SLUG_MOST,
        help_text=_("Such as field-work. The old address leads nowhere once you change it."),
    )
    words = forms.CharField(
        label=_("A few words above the list"),
        max_length=WORDS_MOST,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    is_on = forms.BooleanField(
        label=_("Everybody can see this page, without a login"),
        required=False,
        help_text=_("After you switch it off, copies may be shown for another minute."),
    )

    @classmethod
    def of(cls, organization: Organization, found: StatusPage | None, data: Any = None) -> "StatusForm":
        """The form with the present values."""
        if found is None:
            return cls(data, initial={"title": organization.name, "slug": organization.slug.lower().replace("_", "-")})
        return cls(data, initial={name: getattr(found, name) for name in cls.base_fields})

    def asked(self) -> StatusAsked:
        """The settings as typed."""
        told = self.cleaned_data
        return StatusAsked(slug=told["slug"], title=told["title"], words=told["words"], is_on=told["is_on"])


class StatusItemForm(forms.Form):
    """A station or site to be shown, and its name there."""

    thing = forms.ChoiceField(label=_("Station or site"))
    name = forms.CharField(
        label=_("Name that everybody sees"),
        max_length=NAME_MOST,
        help_text=_("Neither its serial nor its site is shown unless its place is public."),
    )

    def __init__(self, organization: Organization, data: Any = None) -> None:
        super().__init__(data)
        stations = Station.objects.filter(organization=organization, deleted_at=None, retired_at=None)
        sites = Site.objects.filter(organization=organization)
        choice = self.fields["thing"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - for the type checker
        choice.choices = [
            (_("Sites"), [(f"{SITE}{one.pk}", one.name) for one in sites.order_by("name", "pk")]),
            (_("Stations"), [(f"{STATION}{one.pk}", str(one)) for one in stations.order_by("name", "serial")]),
        ]


class NoticeForm(forms.Form):
    """A new notice."""

    title = forms.CharField(label=_("Title"), max_length=NOTICE_TITLE_MOST)
    text = forms.CharField(
        label=_("What everybody should know"),
        max_length=TEXT_MOST,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Plain text. Your name is not shown."),
    )
    began_at = MomentField(label=_("Since"), required=False, help_text=_("Leave empty to use the current time."))


class NoticeUpdateForm(forms.Form):
    """An update of a notice."""

    text = forms.CharField(label=_("Update"), max_length=TEXT_MOST, widget=forms.Textarea(attrs={"rows": 5}))
    is_end = forms.BooleanField(label=_("It is over"), required=False)
