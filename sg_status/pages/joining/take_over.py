"""Taking over a station that another organization offers with a code."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError
from fleet.lifecycle.move_station import station_take
from fleet.organizations.access import Role, Viewer
from fleet.stations.life.transfers import transfer_find
from fleet.stations.models import Station, StationTransfer
from sg_status.access import page, refusal_show
from sg_status.forms import OrganizationField
from sg_status.pages.joining.frame import joining_links


class OfferCodeForm(forms.Form):
    """The code of an offered station."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "The organization that gives the station away created it on the station's settings page."
        ),
    )


class TakeForm(OfferCodeForm):
    """The code, and the organization that takes the station."""

    organization = OrganizationField()

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        self.fields["organization"] = OrganizationField(organizations)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def transfers(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Enter the code of an offered station, check it, take it over."""
    organizations = viewer.organization_ids(Role.OPERATOR)
    code_form = OfferCodeForm(request.POST or None)
    offer = _offer_find(code_form) if code_form.is_valid() else None
    form: forms.Form = code_form
    if offer is not None:
        form = TakeForm(organizations, request.POST if "organization" in request.POST else None)
        form.initial["code"] = code_form.cleaned_data["code"]
        form.fields["code"].widget = forms.HiddenInput()
        if form.is_bound and form.is_valid():
            taken = _station_take(viewer, form)
            if taken is not None:
                messages.success(request, _("%(station)s is now yours.") % {"station": taken})
                return redirect("station", serial=taken.serial)
    links = joining_links("transfers") if organizations else []
    context = {"form": form, "offer": offer, "links": links}
    return render(request, "sg_status/joining/take_over.html", context)


def _offer_find(form: OfferCodeForm) -> StationTransfer | None:
    try:
        return transfer_find(code=form.cleaned_data["code"])
    except DomainError as error:
        form.add_error("code", str(error))
        return None


def _station_take(viewer: Viewer, form: forms.Form) -> Station | None:
    filled = form.cleaned_data
    try:
        return station_take(actor=viewer, code=filled["code"], organization=filled["organization"])
    except DomainError as error:
        refusal_show(form, error)
        return None


urlpatterns = [path("transfers/", transfers, name="transfers")]
