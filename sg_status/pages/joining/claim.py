"""Claiming a station: enter the device's code, check the device, choose its organization."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError
from fleet.organizations.access import Viewer
from fleet.stations.joining.claims import claim_look, claim_take
from fleet.stations.models import Newcomer, Station
from fleet.stations.serials import serial_warning
from sg_status.access import page, refusal_show
from sg_status.forms import OrganizationField
from sg_status.pages.joining.frame import NOT_HERE, joining_links, operator_organizations

_TEMPLATE = "sg_status/joining/claim.html"


class ClaimCodeForm(forms.Form):
    """The code shown on the device."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        help_text=gettext_lazy("As shown on the device, for example ABCD-2345."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}),
    )


class ClaimForm(forms.Form):
    """The device's organization and name."""

    code = forms.CharField(max_length=40, widget=forms.HiddenInput)
    organization = OrganizationField()
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("The name your team uses; you can change it later."),
    )

    def __init__(self, organizations: frozenset[int], data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.fields["organization"] = OrganizationField(organizations, refusal=NOT_HERE)
        self.order_fields(["code", "organization", "name"])


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_claim(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET without a code asks for it; with a code shows the device. POST claims it."""
    organizations = operator_organizations(viewer)
    if request.method == "POST" and "organization" in request.POST:
        return _claim(request, viewer, ClaimForm(organizations, request.POST))
    typed = request.POST if request.method == "POST" else request.GET if "code" in request.GET else None
    form = ClaimCodeForm(typed)
    found = _look(viewer, form) if form.is_valid() else None
    if found is None:
        return _show(request, form=form)
    return _show(request, form=ClaimForm(organizations, initial={"code": form.cleaned_data["code"]}), found=found)


def _claim(request: HttpRequest, viewer: Viewer, form: ClaimForm) -> HttpResponse:
    if form.is_valid():
        station = _take(viewer, form)
        if station is not None:
            messages.success(request, _("%(station)s is yours. It is now fetching its login.") % {"station": station})
            warning = serial_warning(station.serial)
            if warning:
                messages.warning(request, warning)
            return redirect("station-joining", serial=station.serial)
    code = ClaimCodeForm({"code": form.data.get("code", "")})
    found = _look(viewer, code) if code.is_valid() else None
    return _show(request, form=form, found=found) if found else _show(request, form=code)


def _take(viewer: Viewer, form: ClaimForm) -> Station | None:
    filled = form.cleaned_data
    try:
        return claim_take(viewer=viewer, code=filled["code"], organization=filled["organization"], name=filled["name"])
    except DomainError as error:
        refusal_show(form, error)
    return None


def _look(viewer: Viewer, form: ClaimCodeForm) -> Newcomer | None:
    try:
        return claim_look(viewer=viewer, code=form.cleaned_data["code"])
    except DomainError as error:
        form.add_error("code", str(error))
        return None


def _show(request: HttpRequest, *, form: forms.Form, found: Newcomer | None = None) -> HttpResponse:
    context = {
        "form": form,
        "found": found,
        "links": joining_links("station-claim"),
        "line": f"station-agent claim --server {settings.SITE_URL}",
        "whole_address": settings.SITE_URL + reverse("station-claim"),
    }
    return render(request, _TEMPLATE, context)


urlpatterns = [path("stations/claim/", station_claim, name="station-claim")]
