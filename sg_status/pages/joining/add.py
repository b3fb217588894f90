"""Adding a station: takes serial and organization, gives an enrolment token."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.core.errors import DomainError
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_get
from fleet.stations.services import enrolment_token_create, serial_warning, station_register
from sg_status.access import page, refusal_show
from sg_status.pages.joining.frame import joining_links, operator_organizations
from sg_status.pages.station.forms import StationAddForm
from sg_status.pages.station.token_shown import enrolment_render


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_add(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET: the form. POST: register the station and show its token, only once."""
    organizations = operator_organizations(viewer)
    form = StationAddForm(organizations, request.POST if request.method == "POST" else None)
    if form.is_valid():
        made = _register(viewer, form)
        if made is not None:
            station, token = made
            warning = serial_warning(station.serial)
            if warning:
                messages.warning(request, warning)
            messages.success(request, _("%(station)s is added. Enrol it next.") % {"station": station})
            return enrolment_render(request, viewer, station_get(viewer=viewer, serial=station.serial), token)
    return render(request, "sg_status/joining/add.html", {"form": form, "links": joining_links("station-add")})


def _register(viewer: Viewer, form: StationAddForm) -> tuple[Station, str] | None:
    filled = form.cleaned_data
    try:
        with transaction.atomic():
            station = station_register(
                actor=viewer, organization=filled["organization"], serial=filled["serial"], name=filled["name"]
            )
            return station, enrolment_token_create(station=station, actor=viewer)
    except DomainError as error:
        refusal_show(form, error)
    return None


urlpatterns = [path("stations/add/", station_add, name="station-add")]
