"""Moving a station to another organization, offering it with a code, taking one that is offered; deleting one for good."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, InvalidInput
from fleet.ingest.moving import commands_waiting, station_move, station_take
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.deletion import station_belongings, station_delete
from fleet.stations.models import History, Station, StationTransfer
from fleet.stations.transfers import transfer_find, transfer_offer, transfer_open, transfer_withdraw
from sg_status.access import act, page, role_require
from sg_status.beginnings import beginning_links
from sg_status.station_frame import station_of, station_render

if TYPE_CHECKING:
    _ModelChoiceField = forms.ModelChoiceField[Organization]
else:
    # Generic for the type checker only.
    _ModelChoiceField = forms.ModelChoiceField

_TAB = "station-settings"


class OrganizationChoice(_ModelChoiceField):
    """One of the organizations in which somebody may act."""

    def __init__(self, organizations: frozenset[int] = frozenset()) -> None:
        super().__init__(
            Organization.objects.filter(id__in=organizations, deleted_at=None).order_by("name"),
            label=gettext_lazy("Organization"),
            empty_label=None,
        )


class HistoryForm(forms.Form):
    """What becomes of what the station sent so far."""

    history = forms.ChoiceField(
        label=gettext_lazy("What it sent so far"),
        choices=(
            (History.STAYS.value, gettext_lazy("stays with this organization")),
            (History.GOES.value, gettext_lazy("goes along")),
        ),
        widget=forms.Select,
    )


class MoveForm(HistoryForm):
    """And where it goes."""

    organization = OrganizationChoice()

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        self.fields["organization"] = OrganizationChoice(organizations)
        self.order_fields(["organization", "history"])


class CodeForm(forms.Form):
    """The code of an offered station."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Whoever gives the station away made it on its settings page."),
    )


class TakeForm(CodeForm):
    """And whose it shall be."""

    organization = OrganizationChoice()

    def __init__(self, organizations: frozenset[int], data: Any = None) -> None:
        super().__init__(data)
        self.fields["organization"] = OrganizationChoice(organizations)


class DeleteForm(forms.Form):
    """The serial, typed."""

    serial = forms.CharField(
        label=gettext_lazy("Type the serial to be sure"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_move_page(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Say what a move does; do it."""
    station = station_of(viewer, serial)
    role_require(viewer, Role.OPERATOR, station.organization_id)
    others = viewer.organization_ids(Role.OPERATOR) - {station.organization_id}
    form = MoveForm(others, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        filled = form.cleaned_data
        moved = _moved(viewer, station, form)
        if moved is not None:
            done = _("%(station)s belongs to %(organization)s now.")
            messages.success(request, done % {"station": moved, "organization": filled["organization"]})
            return redirect("station", serial=moved.serial)
    return _move_render(request, viewer, station, form if others else None)


@page
@require_POST
def station_offer(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Make a code with which another organization takes the station, and show it this once."""
    station = station_of(viewer, serial)
    role_require(viewer, Role.OPERATOR, station.organization_id)
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
    """End an offer."""
    station = station_of(viewer, serial)
    role_require(viewer, Role.OPERATOR, station.organization_id)
    if transfer_open(station=station):
        done = _("The offer is withdrawn; its code opens nothing any more.")
        act(request, lambda: transfer_withdraw(actor=viewer, station=station), done=done)
    return redirect("station-move", serial=station.serial)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def transfers(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Type the code of an offered station, look at it, take it."""
    organizations = viewer.organization_ids(Role.OPERATOR)
    code_form = CodeForm(request.POST or None)
    offer = _offered(code_form) if code_form.is_valid() else None
    form: forms.Form = code_form
    if offer is not None:
        form = TakeForm(organizations, request.POST if "organization" in request.POST else None)
        form.initial["code"] = code_form.cleaned_data["code"]
        form.fields["code"].widget = forms.HiddenInput()
        if form.is_bound and form.is_valid():
            taken = _taken(viewer, form)
            if taken is not None:
                messages.success(request, _("%(station)s is yours now.") % {"station": taken})
                return redirect("station", serial=taken.serial)
    links = beginning_links("transfers") if organizations else []
    context = {"form": form, "offer": offer, "links": links}
    return render(request, "sg_status/transfers.html", context)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def station_delete_page(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Say what goes; delete it when the serial was typed."""
    station = station_of(viewer, serial)
    role_require(viewer, Role.OWNER, station.organization_id)
    form = DeleteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            station_delete(actor=viewer, station=station, typed=form.cleaned_data["serial"])
        except InvalidInput as error:
            form.add_error("serial", str(error))
        else:
            messages.success(
                request, _("%(station)s is deleted; its data go in the next minutes.") % {"station": station}
            )
            return redirect("fleet")
    context = {"form": form, "goes": station_belongings(station=station)}
    return station_render(request, viewer, station, "sg_status/station_delete.html", context, tab=_TAB)


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
    return station_render(request, viewer, station, "sg_status/station_move.html", context, tab=_TAB)


def _moved(viewer: Viewer, station: Station, form: MoveForm) -> Station | None:
    filled = form.cleaned_data
    try:
        return station_move(
            actor=viewer,
            station=station,
            organization=filled["organization"],
            history=History(filled["history"]),
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return None


def _offered(form: CodeForm) -> StationTransfer | None:
    try:
        return transfer_find(code=form.cleaned_data["code"])
    except DomainError as error:
        form.add_error("code", str(error))
        return None


def _taken(viewer: Viewer, form: forms.Form) -> Station | None:
    filled = form.cleaned_data
    try:
        return station_take(actor=viewer, code=filled["code"], organization=filled["organization"])
    except DomainError as error:
        form.add_error(None, str(error))
        return None


_BASE = "stations/<serial:serial>/settings/"

urlpatterns = [
    path(f"{_BASE}move/", station_move_page, name="station-move"),
    path(f"{_BASE}offer/", station_offer, name="station-offer"),
    path(f"{_BASE}offer/withdraw/", station_offer_withdraw, name="station-offer-withdraw"),
    path(f"{_BASE}delete/", station_delete_page, name="station-delete"),
    path("transfers/", transfers, name="transfers"),
]
