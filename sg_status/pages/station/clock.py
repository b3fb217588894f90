"""A station's data with wrong times: showing it, correcting the times, and undoing that."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import DomainError
from fleet.ingest.corrections.time_shifts import (
    sides_wrong,
    time_shift,
    time_shift_get,
    time_shift_list,
    time_shift_preview,
    time_shift_undo,
)
from fleet.organizations.access import Viewer
from fleet.organizations.models import Membership
from fleet.stations.models import Station
from sg_status.access import act, page
from sg_status.pages.station.frame import station_of, station_render
from sg_status.time_fields import MomentField, NumberField

SHIFTS_SHOWN = 20
_OFFSET_MOST_S = 200 * 366 * 86_400.0


class ShiftForm(forms.Form):
    """Which rows of one side to move, by when they were received, and by how much."""

    received_from = MomentField(label=gettext_lazy("Received from"), required=False)
    received_until = MomentField(label=gettext_lazy("Received until"), required=False)
    offset_s = NumberField(
        label=gettext_lazy("Seconds to add"),
        required=False,
        min_value=-_OFFSET_MOST_S,
        max_value=_OFFSET_MOST_S,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), gettext_lazy("Enter the offset as a number of seconds.")
        ),
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("by time received")}),
    )

    @classmethod
    def of(cls, side: str, data: Any = None) -> "ShiftForm":
        """The form of one side; the page may have two."""
        return cls(data, auto_id=f"%s-{side}")

    def told(self) -> dict[str, Any]:
        """The form's values, for the services."""
        seconds = self.cleaned_data["offset_s"]
        return {
            "offset": None if seconds is None else timedelta(seconds=seconds),
            "received_from": self.cleaned_data["received_from"],
            "received_until": self.cleaned_data["received_until"],
        }


@page
@require_safe
def station_clock(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Data with wrong times, and the corrections so far."""
    return _show(request, viewer, station_of(viewer, serial))


def _show(
    request: HttpRequest, viewer: Viewer, station: Station, filled: tuple[str, ShiftForm] | None = None
) -> HttpResponse:
    """The page; `filled` is a side with its form as it was sent."""
    forms_of = dict([filled] if filled else [])
    context = {
        "wrong": [(one, forms_of.get(one.side) or ShiftForm.of(one.side)) for one in sides_wrong(station=station)],
        "shifts": time_shift_list(station=station)[:SHIFTS_SHOWN],
    }
    return station_render(request, viewer, station, "sg_status/station/clock.html", context, tab="station-settings")


@page
@require_POST
def station_clock_move(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Preview a correction; do it once confirmed."""
    station = station_of(viewer, serial)
    viewer.require(Membership.Role.OPERATOR, station=station, to=_("move data of %(serial)s"))
    side = request.POST.get("side", "")[:16]
    form = ShiftForm.of(side, request.POST)
    if not form.is_valid():
        return _show(request, viewer, station, (side, form))
    told = form.told()
    try:
        if request.POST.get("confirmed") == "yes":
            shift = time_shift(actor=viewer, station=station, side=side, **told)
            done = ngettext("The time of %(n)d row is corrected.", "The times of %(n)d rows are corrected.", shift.rows)
            messages.success(request, done % {"n": shift.rows})
            return redirect("station-clock", serial=station.serial)
        preview = time_shift_preview(actor=viewer, station=station, side=side, **told)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("station-clock", serial=station.serial)
    context = {
        "preview": preview,
        "offset_s": repr(preview.offset.total_seconds()),
        **{name: told[name].isoformat() if told[name] else "" for name in ("received_from", "received_until")},
    }
    template = "sg_status/station/clock_move.html"
    return station_render(request, viewer, station, template, context, tab="station-settings")


@page
@require_POST
def station_clock_undo(request: HttpRequest, viewer: Viewer, serial: str, shift_id: int) -> HttpResponse:
    """Undo a correction."""
    station = station_of(viewer, serial)
    shift = time_shift_get(station=station, shift_id=shift_id)
    act(request, lambda: time_shift_undo(actor=viewer, shift=shift), done=_("The data is back at its original times."))
    return redirect("station-clock", serial=station.serial)


_BASE = "stations/<serial:serial>/clock/"

urlpatterns = [
    path(_BASE, station_clock, name="station-clock"),
    path(f"{_BASE}move/", station_clock_move, name="station-clock-move"),
    path(f"{_BASE}moves/<int:shift_id>/undo/", station_clock_undo, name="station-clock-undo"),
]
