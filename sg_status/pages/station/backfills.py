"""Reading stored files into the database: ask for a survey, answer its questions, and see what became of each line."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from fleet.core.errors import DomainError, Forbidden, InvalidInput, NotFound
from fleet.ingest.backfill.selectors import (
    backfill_files,
    backfill_find,
    backfill_list,
    backfill_questions,
    backfill_report,
)
from fleet.ingest.backfill.services import backfill_answer, backfill_ask, backfill_ask_check, backfill_stop
from fleet.ingest.cards.services import CardAnswers
from fleet.ingest.models import Backfill
from fleet.organizations.access import Viewer
from fleet.stations.models import Station
from sg_status.access import act, page, refusal_show
from sg_status.pages.station.backfill_forms import AnswersForm, BackfillForm
from sg_status.pages.station.frame import station_of, station_render

PAGE_SIZE, FILES_SHOWN = 20, 100
State = Backfill.State
_STATES = {
    State.SURVEYING: gettext_lazy("being surveyed"),
    State.SURVEYED: gettext_lazy("surveyed"),
    State.SENDING: gettext_lazy("being read"),
    State.DONE: pgettext_lazy("reading stored files", "done"),
    State.FAILED: gettext_lazy("failed"),
    State.STOPPED: gettext_lazy("stopped"),
}
_KINDS = {
    "p": gettext_lazy("pulses"),
    "n": gettext_lazy("pulses in no burst"),
    "T": gettext_lazy("tags"),
    "b": gettext_lazy("decoded bursts"),
    "G": gettext_lazy("positions"),
    "C": gettext_lazy("clock"),
    "S": gettext_lazy("settings"),
    "F": gettext_lazy("filter"),
    "H": gettext_lazy("readings"),
}


@page
@require_http_methods(["GET", "HEAD", "POST"])
def backfills(request: HttpRequest, viewer: Viewer, serial: str) -> HttpResponse:
    """GET: what was read so far, and the form. POST: ask for a survey, of chosen files if their ids are sent."""
    station = station_of(viewer, serial)
    is_post = request.method == "POST"
    form = BackfillForm(request.POST if is_post else None)
    if is_post:
        backfill_ask_check(actor=viewer, station=station)
        if form.is_valid() and (made := _ask(request, viewer, station, form)):
            return redirect("station-backfill", station.serial, made.pk)
    pages = Paginator(backfill_list(station=station), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "pages": pages, "rows": [(one, _STATES[State(one.state)]) for one in pages.object_list]}
    return station_render(request, viewer, station, "sg_status/station/backfills.html", context, tab="station-files")


@page
@require_http_methods(["GET", "HEAD", "POST"])
def backfill(request: HttpRequest, viewer: Viewer, serial: str, backfill_id: int) -> HttpResponse:
    """GET: the report. POST: answer the questions and send."""
    station = station_of(viewer, serial)
    found = backfill_find(station=station, backfill_id=backfill_id)
    questions = backfill_questions(found) if found.state == State.SURVEYED else []
    kinds = frozenset(question.kind for question in questions)
    is_post = request.method == "POST"
    form = AnswersForm(found, kinds, request.POST if is_post else None)
    if is_post:
        backfill_ask_check(actor=viewer, station=station)
        if form.is_valid() and _answer(request, viewer, found, form):
            return redirect("station-backfill", station.serial, found.pk)
    report, is_all = backfill_report(found), request.GET.get("files") == "all"
    context: dict[str, Any] = {
        "backfill": found,
        "word": _STATES[State(found.state)],
        "is_open": found.state in {State.SURVEYING, State.SURVEYED, State.SENDING},
        "is_working": found.state in {State.SURVEYING, State.SENDING},
        "is_again": report.totals.is_again and found.state in {State.SURVEYING, State.SURVEYED},
        "percent": found.octets * 100 // found.octets_all if found.octets_all else 0,
        "report": report,
        "kinds": [(_KINDS.get(one.letter, one.letter), one) for one in report.kinds],
        "questions": questions,
        "is_unanswerable": "corrected" in kinds,
        "form": form,
        "asked": "all" if is_all else "",
        "pages": Paginator(
            backfill_files(backfill=found, all_files=is_all).order_by("name", "id"), FILES_SHOWN
        ).get_page(request.GET.get("page")),
    }
    return station_render(request, viewer, station, "sg_status/station/backfill.html", context, tab="station-files")


@page
@require_POST
def backfill_end(request: HttpRequest, viewer: Viewer, serial: str, backfill_id: int) -> HttpResponse:
    """Stop reading; rows that were sent stay."""
    station = station_of(viewer, serial)
    found = backfill_find(station=station, backfill_id=backfill_id)
    act(
        request,
        lambda: backfill_stop(actor=viewer, backfill=found),
        done=_("Stopped. Lines that were already read into the database stay."),
    )
    return redirect("station-backfill", station.serial, found.pk)


def _ask(request: HttpRequest, viewer: Viewer, station: Station, form: BackfillForm) -> Backfill | None:
    try:
        return backfill_ask(
            actor=viewer,
            station=station,
            search=form.cleaned_data["search"],
            is_unread=form.cleaned_data["is_unread"],
            revision_ids=_ids(request),
        )
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        refusal_show(form, error)
        return None


def _ids(request: HttpRequest) -> list[int]:
    """Ids of the stored files that were ticked on another page, if any."""
    given = request.POST.getlist("revision")
    if not all(each.isascii() and each.isdigit() and len(each) < 19 for each in given):
        raise InvalidInput(_("These are not stored files."), field="search")
    return [int(each) for each in given]


def _answer(request: HttpRequest, viewer: Viewer, found: Backfill, form: AnswersForm) -> bool:
    told = form.cleaned_data
    answers = CardAnswers(
        told["also_of"].split() if "also_of" in told else found.also_of,
        told.get("leaves_others", found.leaves_others),
        told.get("any_clock", found.any_clock),
    )
    try:
        answered = backfill_answer(actor=viewer, backfill=found, answers=answers)
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        refusal_show(form, error)
        return False
    is_again = answered.state == State.SURVEYING
    messages.success(
        request,
        _("The files are being surveyed again.") if is_again else _("The files are being read in the background."),
    )
    return True


_BASE = "stations/<serial:serial>/files/read/"
urlpatterns = [
    path(_BASE, backfills, name="station-backfills"),
    path(f"{_BASE}<int:backfill_id>/", backfill, name="station-backfill"),
    path(f"{_BASE}<int:backfill_id>/stop/", backfill_end, name="station-backfill-stop"),
]
