"""Lanes: each forwarder sends on its own, so that a slow or dead receiver delays no other.

A single job runs all lanes that are due, several side by side, and keeps looking for due lanes while it runs; see
`fleet.forward.turns`. A worker claims a lane by a conditional UPDATE, and can write to it only while the claim is still
its own. A killed worker leaves a claim that expires, and a cursor from which the next worker sends the same rows in the
same messages.

    claim ─▶ next page of rows ─▶ which may leave ─▶ send, in halves where some are refused ─▶ write cursor and counts
      ▲                                                                                              │
      └──────────── until nothing waits, the time or the rows of a turn are over, or it fails ◀──────┘
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Unavailable
from fleet.core.locks import session_lock
from fleet.core.spoken import count_words
from fleet.forward.feed import StoredRow, feed_renumber, waiting_since
from fleet.forward.heard import StoredDetection
from fleet.forward.kinds import kinds
from fleet.forward.kinds.base import ForwardDetection, ForwarderKind, ForwardError, ForwardRow
from fleet.forward.leaving import KeepReason, detections_leaving, readings_leaving
from fleet.forward.models import DETECTION_KEY, Forwarder, RefusedRow
from fleet.forward.sources import Page, page_next
from fleet.forward.splitting import Row, Send, Sent, rows_send
from fleet.forward.targets import target_of
from fleet.forward.turns import LANES_MOST, SLOW_S, Due, Turns

RUN_JOB: Final = "forward.run_lanes"
#: Seconds of a lane's turn, quick and slow; rows of a turn.
TURN_S, SLOW_TURN_S, ROWS_MOST = SLOW_S, 10.0, 20_000
#: Seconds for which the job begins turns, and for which it begins quick ones while slow ones still run.
JOB_S, JOB_MOST_S = 45.0, 120.0
#: Longer than a turn with a last request that uses all its time.
CLAIM: Final = timedelta(seconds=120)
#: Seconds to wait after a failure: the first, doubled each time up to the second.
_FIRST_S, _LONGEST_S = 15.0, 3_600.0
#: It is paused after failing for this long: somebody has to look at the reason.
GIVE_UP_AFTER: Final = timedelta(days=14)
#: With this many refused rows set aside, a forwarder is paused.
REFUSED_MOST: Final = 1_000
_ANSWER_MOST = 500
_READING_KEY: Final = ("series", "occurred_at")
_COLUMN_OF: Final = {"series": "series_id", "station": "station_id"}

_log = logging.getLogger(__name__)


def lanes_run(*, seconds: float = JOB_S) -> int:
    """Run the lanes that are due, until none is or the time is over; return how many turns there were.

    Once the time is over, quick lanes still get turns while a slow one ends.
    """
    with session_lock("roost.forward.lanes") as is_ours:
        if not is_ours:
            return 0
        feed_renumber()
        began, count, turns = time.monotonic(), 0, Turns()
        running: dict[Future[None], int] = {}
        with ThreadPoolExecutor(LANES_MOST, thread_name_prefix="lane") as pool:
            while True:
                lasts = time.monotonic() - began
                if lasts < seconds or (turns.has_slow and lasts < JOB_MOST_S):
                    for number in turns.start(_due(clock.now(), turns.running), is_quick_only=lasts >= seconds):
                        running[pool.submit(_run_apart, number)] = number
                        count += 1
                if not running:
                    return count
                for done in wait(running, timeout=turns.look_again_s, return_when=FIRST_COMPLETED).done:
                    turns.end(running.pop(done))


def lane_run(*, forwarder_id: int) -> None:
    """Send what waits for one forwarder, for a few seconds, if nobody else does; or test it, if somebody asked."""
    forwarder = _claim(forwarder_id, clock.now())
    if forwarder is None:
        return
    with translation.override(forwarder.organization.language):
        try:
            if forwarder.test_asked_at is None:
                _send_pages(forwarder)
            else:
                _test(forwarder)
        finally:
            _write(forwarder, claimed_until=None)


def _run_apart(number: int) -> None:
    try:
        lane_run(forwarder_id=number)
    except Exception:  # noqa: BLE001  one broken lane must not hold up the others
        _log.exception("The lane of forwarder %s failed.", number)
        _fail_in_roost(number)
    finally:
        connection.close()


def _due(moment: datetime, running: set[int]) -> list[Due]:
    """Lanes that have something to send and may try, the one that waited longest first, after those to be tested."""
    is_asked = Q(test_asked_at__isnull=False)
    may = Forwarder.objects.filter(
        is_asked | Q(Q(next_try_at=None) | Q(next_try_at__lte=moment), paused_at=None),
        Q(claimed_until=None) | Q(claimed_until__lte=moment),
        organization__deleted_at=None,
    )
    order = (F("test_asked_at").asc(nulls_last=True), F("last_run_at").asc(nulls_first=True), "pk")
    found = list(may.exclude(pk__in=running).order_by(*order))
    waiting = waiting_since(found)
    again = set(RefusedRow.objects.filter(forwarder__in=found, is_waiting=True).values_list("forwarder_id", flat=True))
    return [
        Due(one.pk, one.organization_id, (one.call_s or 0.0) > SLOW_S)
        for one in found
        if one.test_asked_at is not None
        or one.pk in again
        or one.backfill_from is not None
        # A lane that has just found no complete notes gets its next turn a second later.
        or (one.pk in waiting and (one.last_run_at is None or moment - one.last_run_at >= timedelta(seconds=1)))
    ]


def _claim(forwarder_id: int, moment: datetime) -> Forwarder | None:
    claimed = Forwarder.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=moment),
        Q(paused_at=None) | Q(test_asked_at__isnull=False),
        pk=forwarder_id,
        organization__deleted_at=None,
    ).update(claimed_until=moment + CLAIM, claims=F("claims") + 1, last_run_at=moment)
    return Forwarder.objects.select_related("organization").get(pk=forwarder_id) if claimed else None


def _kind_of(forwarder: Forwarder) -> ForwarderKind:
    kind = kinds().get(forwarder.kind)
    if kind is None:
        raise ForwardError(_("This server has no forwarder of the kind %(kind)s any more.") % {"kind": forwarder.kind})
    return kind


def _send_pages(forwarder: Forwarder) -> None:
    is_slow = (forwarder.call_s or 0.0) > SLOW_S
    until, rows = time.monotonic() + (SLOW_TURN_S if is_slow else TURN_S), 0
    try:
        kind = _kind_of(forwarder)
        while time.monotonic() < until and rows < ROWS_MOST:
            page = page_next(forwarder, min(kind.rows_most, forwarder.rows_at_once or kind.rows_most))
            if page is None or not _send_page(forwarder, kind, page, until):
                return
            rows += len(page.rows)
    except ForwardError as error:
        _fail(forwarder, error)
    except Unavailable as error:
        # Rows in cold storage cannot be read now. Later rows wait behind them.
        _fail(forwarder, ForwardError(str(error)))


def _send_page(forwarder: Forwarder, kind: ForwarderKind, page: Page, until: float) -> bool:
    """Send a page and record the result; return whether to go on. Raises `ForwardError` if nothing can be sent."""
    leaving, send = _leaving(forwarder, kind, page)
    target = target_of(forwarder, kind, until=until)
    sent = rows_send(send, [row for row in leaving if not isinstance(row, KeepReason)], target)
    done = _done_of(leaving, sent.done)
    if not _store(
        forwarder, page, sent, done, Counter(row.value for row in leaving[:done] if isinstance(row, KeepReason))
    ):
        return False
    if sent.error is not None:
        _fail(forwarder, sent.error)
    return sent.error is None and done == len(page.rows) and forwarder.paused_at is None


def _leaving(forwarder: Forwarder, kind: ForwarderKind, page: Page) -> tuple[Sequence[Row | KeepReason], Send]:
    """The rows of a page as they leave, and the function that sends them."""
    moment = clock.now()
    heard = [row for row in page.rows if isinstance(row, StoredDetection)]
    if not heard:
        return readings_leaving(forwarder, [row for row in page.rows if isinstance(row, StoredRow)], moment), kind.send
    if kind.send_detections is None:
        raise ForwardError(_("This kind can no longer send detections: change the forwarder."))
    return detections_leaving(forwarder, heard, moment), kind.send_detections


def _done_of(leaving: Sequence[Row | KeepReason], sent: int) -> int:
    """How many of the page's first rows are done if `sent` of those that may leave are; those kept back count, too."""
    for number, row in enumerate(leaving):
        if not isinstance(row, KeepReason):
            if not sent:
                return number
            sent -= 1
    return len(leaving)


def _test(forwarder: Forwarder) -> None:
    """Try the receiver without rows, and write what it says. If it works, a lane that waits tries again at once."""
    asked_at = forwarder.test_asked_at
    try:
        _try(forwarder)
    except ForwardError as error:
        told: dict[str, Any] = {"test_answer": str(error)[:_ANSWER_MOST]}
    else:
        told = {"test_answer": "", "next_try_at": None}
    # Another test that somebody asked for meanwhile still has to run.
    Forwarder.objects.filter(pk=forwarder.pk, test_asked_at=asked_at).update(test_asked_at=None)
    _write(forwarder, tested_at=clock.now(), **told)


def _try(forwarder: Forwarder) -> None:
    kind = _kind_of(forwarder)
    if kind.test is None:
        raise ForwardError(_("This kind has no test."))
    kind.test(target_of(forwarder, kind, until=time.monotonic() + TURN_S))


@transaction.atomic
def _store(forwarder: Forwarder, page: Page, sent: Sent, done: int, kept_back: Counter[str]) -> bool:
    """Write cursor, counts and refused rows together. False if another worker has the lane now."""
    moment = clock.now()
    counts = {
        "rows_sent": F("rows_sent") + sent.taken,
        "rows_known": F("rows_known") + sent.known,
        "rows_kept_back": F("rows_kept_back") + kept_back.total(),
        # Rows that are sent again had been counted as refused.
        "rows_refused": F("rows_refused") + len(sent.refused) - (done if page.is_again else 0),
    }
    fields: dict[str, Any] = {**page.fields(done), **counts}
    if kept_back:
        fields["kept_back_why"] = dict(Counter(forwarder.kept_back_why or {}) + kept_back)
    if sent.call_s is not None:
        fields["call_s"] = sent.call_s
    if sent.at_once is not None:
        fields["rows_at_once"] = sent.at_once
    elif forwarder.rows_at_once and done >= forwarder.rows_at_once and not sent.refused:
        # A few more the next time: a limit may have been raised.
        fields["rows_at_once"] = forwarder.rows_at_once + max(1, forwarder.rows_at_once // 20)
    if sent.done and sent.error is None:
        fields |= {"failures": 0, "failing_since": None, "next_try_at": None, "answered_at": moment, "answer": ""}
    if sent.taken or sent.known:
        fields["last_sent_at"] = moment
    if not _write(forwarder, **fields):
        return False
    if page.is_again:
        for row in page.rows[:done]:
            told = row.key if isinstance(row, StoredDetection) else (row.series_id, row.occurred_at)
            names = DETECTION_KEY if isinstance(row, StoredDetection) else _READING_KEY
            RefusedRow.objects.filter(forwarder=forwarder, **dict(zip(names, told, strict=True))).delete()
    _set_aside(forwarder, sent, moment)
    return True


def _set_aside(forwarder: Forwarder, sent: Sent, moment: datetime) -> None:
    if not sent.refused:
        return
    readings = [(row, reason) for row, reason in sent.refused if isinstance(row, ForwardRow)]
    heard = [(row, reason) for row, reason in sent.refused if isinstance(row, ForwardDetection)]
    for names, keyed in (
        (_READING_KEY, [((row.series_id, row.at), reason) for row, reason in readings]),
        (DETECTION_KEY, [(row.key, reason) for row, reason in heard]),
    ):
        RefusedRow.objects.bulk_create(
            [
                RefusedRow(
                    forwarder=forwarder,
                    reason=reason[:_ANSWER_MOST],
                    refused_at=moment,
                    **{_COLUMN_OF.get(name, name): value for name, value in zip(names, key, strict=True)},
                )
                for key, reason in keyed
            ],
            update_conflicts=True,
            unique_fields=["forwarder", *names],
            update_fields=["reason", "refused_at", "is_waiting"],
        )
    if RefusedRow.objects.filter(forwarder=forwarder).count() >= REFUSED_MOST:
        _pause(
            forwarder,
            _("The receiver refused %(n)s rows. Look at its reasons below, then discard them or send them again.")
            % {"n": count_words(REFUSED_MOST)},
            moment,
        )


def _fail(forwarder: Forwarder, error: ForwardError) -> None:
    """Write why it failed and when it is tried again; pause it after weeks, or if the receiver wants no more."""
    moment = clock.now()
    failures, since = forwarder.failures + 1, forwarder.failing_since or moment
    longest = min(_FIRST_S * 2.0 ** min(failures - 1, 16), _LONGEST_S)
    pause = max(longest * random.uniform(0.75, 1.0), error.retry_after_s or 0.0)
    _write(
        forwarder,
        failures=failures,
        failing_since=since,
        next_try_at=moment + timedelta(seconds=pause),
        answer=str(error)[:_ANSWER_MOST],
        answered_at=moment,
    )
    if failures == 1:
        _log.warning("Forwarder %s fails: %s", forwarder.pk, error)
    if error.is_gone:
        _pause(forwarder, str(error)[:_ANSWER_MOST], moment)
    elif moment - since > GIVE_UP_AFTER:
        _pause(forwarder, _("It failed for %(n)d days. The last answer is below.") % {"n": GIVE_UP_AFTER.days}, moment)


def _fail_in_roost(number: int) -> None:
    forwarder = Forwarder.objects.select_related("organization").filter(pk=number).first()
    if forwarder is not None:
        with translation.override(forwarder.organization.language):
            sentence = _("A fault in Roost; the log of the task worker has the details.")
            if forwarder.test_asked_at is None:
                _fail(forwarder, ForwardError(sentence))
            else:
                _write(forwarder, test_asked_at=None, tested_at=clock.now(), test_answer=sentence)


def _pause(forwarder: Forwarder, why: str, moment: datetime) -> None:
    if _write(forwarder, paused_at=moment, paused_why=why):
        audit(None, forwarder, "forwarder.pause", why=why)


def _write(forwarder: Forwarder, **fields: Any) -> bool:
    """Write fields and reload them; False, and nothing written, if the claim is no longer ours."""
    if not Forwarder.objects.filter(pk=forwarder.pk, claims=forwarder.claims).update(**fields):
        return False
    # A person may have paused it meanwhile.
    forwarder.refresh_from_db(fields=[*fields, "paused_at"])
    return True
