"""Moving a station to another organization, or offering it with a code."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError
from fleet.lifecycle.move_station import commands_waiting, station_move
from fleet.organizations.access import Role, Viewer
from fleet.stations.life.transfers import transfer_offer, transfer_open, transfer_withdraw
from fleet.stations.models import History, Station
from sg_status.access import act, page, refusal_show
from sg_status.forms import OrganizationField
from sg_status.pages.station.frame import station_of, station_render

_TAB = "station-settings"


class HistoryForm(forms.Form):
    """The form's choice for the data sent so far."""

    history = forms.ChoiceField(
        label=gettext_lazy("Data sent so far"),
        choices=(
            (History.STAYS.value, gettext_lazy("stays with this organization")),
            (History.GOES.value, gettext_lazy("moves with the station")),
        ),
        widget=forms.Select,
    )


class MoveForm(HistoryForm):
    """The history, and the target organization."""

    organization = OrganizationField()

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        self.fields["organization"] = OrganizationField(organizations)
        self.order_fields(["organization", "history"])


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_move_page(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Explain a move; do it."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("give %(serial)s away"))
    others = viewer.organization_ids(Role.OPERATOR) - {station.organization_id}
    form = MoveForm(others, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        filled = form.cleaned_data
        moved = _station_move(viewer, station, form)
        if moved is not None:
            done = _("%(station)s now belongs to %(organization)s.")
            messages.success(request, done % {"station": moved, "organization": filled["organization"]})
            return redirect("station", serial=moved.serial)
    return _move_render(request, viewer, station, form if others else None)


@page
@require_POST
def station_offer(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Create a code with which another organization takes the station; shown only once."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("give %(serial)s away"))
    form = HistoryForm(request.POST)
    code = ""
    if form.is_valid():
        try:
            code = transfer_offer(actor=viewer, station=station, history=History(form.cleaned_data["history"]))
        except DomainError as error:
            messages.error(request, str(error))
    return _move_render(request, viewer, station, None, code=code)


@page
@require_POST
def station_offer_withdraw(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Withdraw an offer."""
    station = station_of(viewer, serial)
    viewer.require(Role.OPERATOR, station=station, to=_("give %(serial)s away"))
    if transfer_open(station=station):
        done = _("The offer is withdrawn; its code no longer works.")
        act(request, lambda: transfer_withdraw(actor=viewer, station=station), done=done)
    return redirect("station-move", serial=station.serial)


def _move_render(
    request: HttpRequest, viewer: Viewer, station: Station, form: MoveForm | None, *, code: str = ""
) -> HttpResponse:
    context = {
        "form": form,
        "offer_form": HistoryForm(auto_id="offer_%s"),
        "offer": transfer_open(station=station),
        "code": code,
        "waiting": commands_waiting(station=station),
    }
    return station_render(request, viewer, station, "sg_status/station/move.html", context, tab=_TAB)


def _station_move(viewer: Viewer, station: Station, form: MoveForm) -> Station | None:
    filled = form.cleaned_data
    try:
        return station_move(
            actor=viewer,
            station=station,
            organization=filled["organization"],
            history=History(filled["history"]),
        )
    except DomainError as error:
        refusal_show(form, error)
        return None


_BASE = "stations/<serial:serial>/settings/"

urlpatterns = [
    path(f"{_BASE}move/", station_move_page, name="station-move"),
    path(f"{_BASE}offer/", station_offer, name="station-offer"),
    path(f"{_BASE}offer/withdraw/", station_offer_withdraw, name="station-offer-withdraw"),
]
