"""Working on back-fills: one at a time on the whole server, for some seconds each, organizations in turn.

    take the one whose organization had its turn longest ago ──▶ piece after piece, each committed with its place
      ├──times were corrected───────▶ surveyed again, before anything more is sent
      ├──all pieces are read────────▶ surveyed, or done
      ├──the turn is over───────────▶ it stays as it is, due at once
      ├──broker or ingest are away──▶ it stays as it is, due in a minute, with the reason
      └──it cannot be read──────────▶ failed, with the reason

Turns are short because each occupies one of the two processes for all jobs. Only the holder of the lock works, and the
lock ends with its connection. Each update of the row checks its state and the start of its turn, so a worker that comes
back late, or whose back-fill was stopped, changes nothing. If a piece was sent but not committed, it is read again, and
the ledger recognizes its numbers.
"""

import gc
import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import DomainError, Unavailable
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.files.models import FileRevision
from fleet.ingest.backfill.pieces import CardPiece, pieces
from fleet.ingest.backfill.selection import place_of, revisions_left
from fleet.ingest.backfill.sending import CHANGED, PieceSender
from fleet.ingest.backfill.surveying import judge_of, offsets_now, piece_survey
from fleet.ingest.backfill.totals import Totals, totals_read, totals_write
from fleet.ingest.backfill.workroom import workroom_clear
from fleet.ingest.models import Backfill, BackfillFile
from message_queue.errors import SerialNotAllowed
from message_queue.publisher import Publisher

_log = logging.getLogger("roost.backfill")

#: The job that works on back-fills.
WORK_JOB: Final = "ingest.work_backfills"
#: Seconds that a turn lasts from its first piece on, and seconds without progress after which it ends.
TURN_S: Final = 20.0
PATIENCE_S: Final = 15.0
#: If reaching the first piece takes longer than `LONG_S`, the turn lasts as long again, at most `TURN_MOST_S`.
LONG_S, TURN_MOST_S = 20.0, 200.0
#: A back-fill fails after this many turns without progress; turns while the broker or ingest is away do not count.
ATTEMPTS_MOST: Final = 5
_AGAIN_AFTER: Final = timedelta(minutes=1)
#: Garbage collection thresholds of a turn. Lines are many objects, and reference counting frees them.
_GARBAGE_EVERY: Final = (50_000, 20, 100)
State = Backfill.State


class _Superseded(Exception):
    """The back-fill was stopped, or another worker has taken it over."""


def backfills_work() -> bool:
    """Take one turn, and ask for the next one if something is due; return whether there was a turn."""
    with session_lock("roost.ingest.backfill") as is_ours:
        if not is_ours:
            return False
        _workroom_sweep()
        backfill = _next()
        if backfill is None:
            return False
        _turn(backfill)
    if _due().exists():
        job_ask(WORK_JOB)
    return True


def _due() -> QuerySet[Backfill]:
    return Backfill.objects.filter(
        state__in=[State.SURVEYING, State.SENDING], due_at__lte=clock.now(), station__deleted_at=None
    )


def _next() -> Backfill | None:
    """Take the due back-fill whose organization had its turn longest ago, and count the attempt."""
    turns = (
        Backfill.objects.filter(station__organization=OuterRef("station__organization"))
        .values("station__organization")
        .annotate(at=Max("turn_at"))
    )
    ordered = (
        _due().annotate(turn=Subquery(turns.values("at"))).order_by(F("turn").asc(nulls_first=True), "turn_at", "id")
    )
    backfill = ordered.select_related("station").first()
    if backfill is None:
        return None
    moment, attempts = clock.now(), backfill.attempts + 1
    if not _ours(backfill).update(turn_at=moment, attempts=attempts):
        return _next()
    backfill.turn_at, backfill.attempts = moment, attempts
    return backfill


def _turn(backfill: Backfill) -> None:
    try:
        if backfill.attempts > ATTEMPTS_MOST:
            _step(
                backfill,
                state=State.FAILED,
                done_at=clock.now(),
                reason=_("Reading %(name)s ended %(count)d times without a result: the server's log says why.")
                % {"name": backfill.at_path or _("the first file"), "count": ATTEMPTS_MOST},
            )
            return
        with _garbage_seldom():
            _work(backfill)
    except _Superseded:
        return
    except RecursionError:
        _log.exception("Back-fill %s met folders that are too deep", backfill.pk)
        reason = _("Folders are too deep to be read: the server's log says where.")
        _ours(backfill).update(state=State.FAILED, done_at=clock.now(), reason=reason)
    except Unavailable as error:
        due = clock.now() + _AGAIN_AFTER
        _ours(backfill).update(attempts=0, due_at=due, reason=str(error)[:500])
    except OSError as error:
        _log.exception("Back-fill %s met an error of the disk", backfill.pk)
        reason = _("The server could not read or write: %(reason)s.") % {"reason": error.strerror or error}
        _ours(backfill).update(due_at=clock.now() + _AGAIN_AFTER, reason=reason[:500])
    except SerialNotAllowed:
        # The serial has passed to a successor since the answer.
        reason = _("%(serial)s can no longer receive data: read its files for the station that succeeded it.")
        reason %= {"serial": backfill.station.serial}
        _ours(backfill).update(state=State.FAILED, done_at=clock.now(), reason=reason[:500])
    except DomainError as error:
        _ours(backfill).update(state=State.FAILED, done_at=clock.now(), reason=str(error)[:500])


@contextmanager
def _garbage_seldom() -> Iterator[None]:
    """Collect garbage less often while lines are read, because that took a fifth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(*_GARBAGE_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _work(backfill: Backfill) -> None:
    """Read pieces until the turn is over or all are read."""
    began, ends = time.monotonic(), 0.0
    is_survey = backfill.state == State.SURVEYING
    totals, met = totals_read(backfill.totals), _met(backfill)
    judge = judge_of(backfill)
    if totals.offsets is None:
        totals.offsets = offsets_now(backfill.station)
    opened = nullcontext(None) if is_survey else Publisher(settings.ROOST_COMMAND_BROKER_URL)
    with opened as publisher, closing(pieces(revisions_left(backfill), place_of(backfill))) as found:
        sender = PieceSender(backfill, publisher, lambda _: _moved(backfill), PATIENCE_S) if publisher else None
        for piece in found:
            ends = ends or _ends(began)
            if not is_survey and _is_outdated(backfill, totals):
                return
            if sender is None:
                rows = piece_survey(backfill, piece, judge, met, totals)
            else:
                rows = sender.send(piece, met, totals)
            _commit(backfill, piece, rows, totals=totals_write(totals))
            if time.monotonic() > ends:
                return
    if is_survey:
        _step(backfill, state=State.SURVEYED)
    else:
        _step(backfill, state=State.DONE, done_at=clock.now())


def _ends(began: float) -> float:
    """When the turn ends, if its first piece is ready now: reaching a place far inside an archive takes long."""
    moment = time.monotonic()
    took = moment - began
    return moment + (min(took, TURN_MOST_S) if took > LONG_S else TURN_S)


def _is_outdated(backfill: Backfill, totals: Totals) -> bool:
    """Whether times were corrected since the survey; if so, return the back-fill to surveying before more is sent."""
    if offsets_now(backfill.station) == totals.offsets:
        return False
    with transaction.atomic():
        _step(
            backfill,
            state=State.SURVEYING,
            totals=totals_write(Totals(is_again=True)),
            at_path="",
            at_number=0,
            at_member=0,
            stored=0,
            octets=0,
            attempts=0,
            reason="",
        )
        BackfillFile.objects.filter(backfill=backfill).delete()
    return True


def _archives_begun() -> set[str]:
    """SHA-256 of the archives that back-fills have read in part."""
    begun = Backfill.objects.filter(
        state__in=[State.SURVEYING, State.SENDING], station__deleted_at=None, at_member__gt=0
    )
    found = FileRevision.objects.filter(
        Exists(
            begun.filter(
                station=OuterRef("file__station"), at_path=OuterRef("file__path"), at_number=OuterRef("number")
            )
        )
    )
    return set(found.values_list("content__sha256", flat=True))


def _workroom_sweep() -> None:
    """Remove leftovers of killed workers, and archives that no back-fill reads any more."""
    try:
        workroom_clear(_archives_begun())
    except OSError:
        _log.exception("The folder of back-fills could not be cleared")


def _met(backfill: Backfill) -> dict[str, str]:
    """Names of the files that were already read in this state, by the stream of their content."""
    rows = BackfillFile.objects.filter(backfill=backfill).exclude(stream="")
    if backfill.state == State.SENDING:
        # Foreign, refused and changed files were not sent, so another file with the same content must be.
        rows = rows.filter(after__isnull=False, state="done").exclude(reason=CHANGED)
    return dict(rows.values_list("stream", "name"))


@transaction.atomic
def _commit(backfill: Backfill, piece: CardPiece, rows: list[BackfillFile], **values: Any) -> None:
    """Save the results of a piece, and the place of the back-fill after it."""
    backfill.stored += len(piece.done)
    backfill.octets += sum(revision.content.octets for revision in piece.done)
    path, number, member = piece.at
    place = {"at_path": path, "at_number": number, "at_member": member}
    _step(backfill, **place, stored=backfill.stored, octets=backfill.octets, attempts=0, reason="", **values)
    backfill.attempts = 0
    if backfill.state == State.SURVEYING:
        BackfillFile.objects.bulk_create(rows, batch_size=500)
    else:
        BackfillFile.objects.bulk_update(rows, ["after", "state", "reason", "is_left"], batch_size=500)


def _moved(backfill: Backfill) -> None:
    """Note progress within a piece, so that a large one is not given up. Raises `_Superseded` if it was stopped."""
    if backfill.attempts:
        _step(backfill, attempts=0)
        backfill.attempts = 0


def _step(backfill: Backfill, **values: Any) -> None:
    """Write to the row. Raises `_Superseded` if it is no longer ours."""
    if not _ours(backfill).update(**values):
        raise _Superseded


def _ours(backfill: Backfill) -> QuerySet[Backfill]:
    return Backfill.objects.filter(pk=backfill.pk, state=backfill.state, turn_at=backfill.turn_at)
