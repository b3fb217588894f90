"""Permanently deleting a station with all its data."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from fleet.core.errors import InvalidInput
from fleet.lifecycle.erase_station import station_belongings, station_delete
from fleet.organizations.access import Role, Viewer
from sg_status.access import page
from sg_status.pages.station.frame import station_of, station_render


class StationDeleteForm(forms.Form):
    """The serial, typed to confirm."""

    serial = forms.CharField(
        label=gettext_lazy("Type the serial to confirm"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_delete_page(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Show what is deleted; delete it once the serial was typed."""
    station = station_of(viewer, serial)
    viewer.require(Role.OWNER, station=station, to=_("delete %(serial)s with its data"))
    form = StationDeleteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            station_delete(actor=viewer, station=station, typed=form.cleaned_data["serial"])
        except InvalidInput as error:
            form.add_error("serial", str(error))
        else:
            messages.success(
                request,
                _("%(station)s is deleted; its data will be erased in the next few minutes.") % {"station": station},
            )
            return redirect("fleet")
    context = {"form": form, "goes": station_belongings(station=station)}
    return station_render(request, viewer, station, "sg_status/station/delete.html", context, tab="station-settings")


urlpatterns = [path("stations/<serial:serial>/settings/delete/", station_delete_page, name="station-delete")]
