"""Asking for a back-fill, answering its questions, and stopping it."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, NotFound
from fleet.core.outbox import job_ask
from fleet.files.models import FileRevision
from fleet.ingest.backfill.selection import revisions_selected
from fleet.ingest.backfill.selectors import backfill_questions
from fleet.ingest.backfill.surveying import offsets_now
from fleet.ingest.backfill.totals import totals_read
from fleet.ingest.backfill.turns import WORK_JOB
from fleet.ingest.cards.box import FILES_MOST
from fleet.ingest.cards.services import CardAnswers
from fleet.ingest.cards.survey import serials_of
from fleet.ingest.models import Backfill, BackfillFile
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from message_queue.errors import SerialNotAllowed
from message_queue.routing import serial_check

#: Maximum stored files to choose, maximum further serials of the station, and number of ended back-fills to keep.
CHOSEN_MOST, ALSO_MOST, KEPT = 1_000, 20, 10
State = Backfill.State
_OPEN = (State.SURVEYING, State.SURVEYED, State.SENDING)


def backfill_ask(
    *,
    actor: Viewer,
    station: Station,
    search: str = "",
    revision_ids: Collection[int] = (),
    stored_since: datetime | None = None,
    is_unread: bool = False,
    also_of: Sequence[str] = (),
) -> Backfill:
    """Ask a job to survey stored files. Raises `Forbidden`, `NotFound`, `InvalidInput` and `Conflict`."""
    backfill_ask_check(actor=actor, station=station)
    also_of = _also_check(station, also_of)
    chosen = sorted(set(revision_ids))
    if len(chosen) > CHOSEN_MOST:
        raise InvalidInput(_("Choose at most %(most)d files.") % {"most": CHOSEN_MOST}, field="files")
    theirs = FileRevision.objects.filter(file__station=station)
    if chosen and theirs.filter(pk__in=chosen).count() != len(chosen):
        raise NotFound(_("Some of these stored files do not exist."))
    backfill = Backfill(
        station=station,
        asked_by=actor.user,
        asked_by_name=actor.name[:150],
        asked_at=clock.now(),
        due_at=clock.now(),
        search=search.replace("\x00", "")[:100],
        revision_ids=chosen,
        stored_since=stored_since,
        is_unread=is_unread,
        also_of=also_of,
        newest_id=theirs.aggregate(newest=Max("pk"))["newest"] or 0,
    )
    found = revisions_selected(backfill).order_by().aggregate(number=Count("pk"), octets=Sum("content__octets"))
    if not found["number"]:
        raise InvalidInput(_("There are no such stored files."), field="search")
    if found["number"] > FILES_MOST:
        raise InvalidInput(
            _("These are more than %(most)d files: choose those of a year by their names.") % {"most": FILES_MOST},
            field="search",
        )
    backfill.stored_all, backfill.octets_all = found["number"], found["octets"] or 0
    with transaction.atomic():
        _save_only_open(backfill)
        _old_remove(station)
        audit(actor, station, "backfill.ask", backfill=backfill.pk, files=backfill.stored_all)
        job_ask(WORK_JOB)
    return backfill


def backfill_ask_check(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` unless the actor may ask, and `Conflict` if the station can no longer receive data."""
    actor.require(Role.OPERATOR, station=station, to=_("read the stored files of %(serial)s"))
    try:
        serial_check(station.serial)
    except SerialNotAllowed as error:
        raise Conflict(
            _("%(serial)s can no longer receive data: read its files for the station that succeeded it.")
            % {"serial": station.serial}
        ) from error


@transaction.atomic
def backfill_answer(*, actor: Viewer, backfill: Backfill, answers: CardAnswers) -> Backfill:
    """Answer the questions and send; survey again first if the serials changed, or times were corrected since.

    Raises `Conflict` with the open questions, if it is not surveyed, and if the station can no longer receive data.
    """
    backfill_ask_check(actor=actor, station=backfill.station)
    backfill = Backfill.objects.select_for_update(of=("self",)).select_related("station").get(pk=backfill.pk)
    if backfill.state != State.SURVEYED:
        raise Conflict(_("This reading has no open questions."))
    also_of = _also_check(backfill.station, answers.also_of)
    backfill.leaves_others, backfill.any_clock = answers.leaves_others, answers.any_clock
    # Lines that are here with a corrected time would otherwise be stored again with the time in the file.
    surveyed, corrected = totals_read(backfill.totals).offsets, offsets_now(backfill.station)
    is_again = set(also_of) != set(backfill.also_of) or (surveyed is not None and surveyed != corrected)
    backfill.also_of = also_of
    if is_again:
        BackfillFile.objects.filter(backfill=backfill).delete()
        backfill.state, backfill.totals = State.SURVEYING, {}
    elif questions := backfill_questions(backfill):
        raise Conflict(" ".join(question.sentence for question in questions))
    else:
        backfill.state = State.SENDING
    backfill.answered_by_name, backfill.answered_at = actor.name[:150], clock.now()
    backfill.at_path, backfill.at_number, backfill.at_member = "", 0, 0
    backfill.stored = backfill.octets = backfill.attempts = 0
    backfill.due_at, backfill.reason, backfill.turn_at = clock.now(), "", None
    backfill.save()
    audit(
        actor,
        backfill.station,
        "backfill.answer",
        backfill=backfill.pk,
        sends=not is_again,
        also_of=also_of,
        leaves_others=backfill.leaves_others,
        any_clock=backfill.any_clock,
    )
    job_ask(WORK_JOB)
    return backfill


@transaction.atomic
def backfill_stop(*, actor: Viewer, backfill: Backfill) -> None:
    """Stop an open back-fill; the lines that it has sent stay."""
    actor.require(Role.OPERATOR, station=backfill.station, to=_("stop reading the stored files of %(serial)s"))
    stopped = Backfill.objects.filter(pk=backfill.pk, state__in=_OPEN)
    if not stopped.update(state=State.STOPPED, done_at=clock.now()):
        raise Conflict(_("It is over already."))
    audit(actor, backfill.station, "backfill.stop", backfill=backfill.pk)


def _also_check(station: Station, also_of: Sequence[str]) -> list[str]:
    """Further serials of the station, each once. Raises `InvalidInput`."""
    serials = list(dict.fromkeys(serial.strip() for serial in also_of if serial.strip()))
    if len(serials) > ALSO_MOST:
        raise InvalidInput(_("Name at most %(most)d serials.") % {"most": ALSO_MOST}, field="also_of")
    try:
        serials_of(station, serials)
    except InvalidInput as error:
        raise InvalidInput(str(error), field="also_of") from error
    return serials


def _save_only_open(backfill: Backfill) -> None:
    try:
        with transaction.atomic():
            backfill.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            _("Stored files of %(serial)s are already being read: answer the questions there, or stop the reading.")
            % {"serial": backfill.station.serial}
        ) from error


def _old_remove(station: Station) -> None:
    """Delete the ended back-fills of a station, except the newest."""
    ended = Backfill.objects.filter(station=station).exclude(state__in=_OPEN).order_by("-id")
    Backfill.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[KEPT:])).delete()
