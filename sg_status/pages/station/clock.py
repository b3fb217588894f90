"""A station's data with wrong times: showing it, correcting the times, and undoing that."""

from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from fleet.core.errors import DomainError, InvalidInput
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
from sg_status.access import act, page
from sg_status.pages.station.frame import station_of, station_render

SHIFTS_SHOWN = 20
_OFFSET_MOST_S = 200 * 366 * 86_400.0


@page
@require_safe
def station_clock(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Data with wrong times, and the corrections so far."""
    station = station_of(viewer, serial)
    context = {
        "wrong": list(sides_wrong(station=station)),
        "shifts": time_shift_list(station=station)[:SHIFTS_SHOWN],
    }
    return station_render(request, viewer, station, "sg_status/station/clock.html", context, tab="station-settings")


@page
@require_POST
def station_clock_move(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """Preview a correction; do it once confirmed."""
    station = station_of(viewer, serial)
    viewer.require(Membership.Role.OPERATOR, station=station, to=_("move data of %(serial)s"))
    posted = request.POST
    try:
        side, offset = posted.get("side", "")[:16], _offset_of(posted)
        start, end = _moment_of(posted, "received_from"), _moment_of(posted, "received_until")
        if posted.get("confirmed") == "yes":
            shift = time_shift(
                actor=viewer, station=station, side=side, offset=offset, received_from=start, received_until=end
            )
            done = ngettext("The time of %(n)d row is corrected.", "The times of %(n)d rows are corrected.", shift.rows)
            messages.success(request, done % {"n": shift.rows})
            return redirect("station-clock", serial=station.serial)
        preview = time_shift_preview(
            actor=viewer, station=station, side=side, offset=offset, received_from=start, received_until=end
        )
    except DomainError as error:
        messages.error(request, str(error))
        return redirect("station-clock", serial=station.serial)
    context = {
        "preview": preview,
        "offset_s": repr(preview.offset.total_seconds()),
        "received_from": posted.get("received_from", ""),
        "received_until": posted.get("received_until", ""),
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


def _offset_of(posted: QueryDict) -> timedelta | None:
    text = posted.get("offset_s", "").strip()[:40]
    if not text:
        return None
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        seconds = float("nan")
    if not -_OFFSET_MOST_S <= seconds <= _OFFSET_MOST_S:
        raise InvalidInput(_("Enter the offset as a number of seconds."), field="offset_s")
    return timedelta(seconds=seconds)


def _moment_of(posted: QueryDict, field: str) -> datetime | None:
    """A typed time in UTC, or None."""
    text = posted.get(field, "").strip()[:40]
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(_("Enter times like 2026-05-01 12:30, in UTC."), field=field) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_BASE = "stations/<serial:serial>/clock/"

urlpatterns = [
    path(_BASE, station_clock, name="station-clock"),
    path(f"{_BASE}move/", station_clock_move, name="station-clock-move"),
    path(f"{_BASE}moves/<int:shift_id>/undo/", station_clock_undo, name="station-clock-undo"),
]
