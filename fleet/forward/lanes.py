"""Lanes: each forwarder sends on its own, so that a slow or dead receiver delays no other.

One job at a time runs all lanes that are due, several side by side, and asks again and again while it runs. A lane is
claimed by a conditional UPDATE, and what it writes counts only while the claim is still its own. A worker that is
killed leaves the claim, which ends, and the cursor, from which the next one sends the same rows in the same messages.

    claim ─▶ next page of rows ─▶ which may leave ─▶ send, in halves where some are refused ─▶ write cursor and counts
      ▲                                                                                              │
      └──────────── until nothing waits, the time or the rows of a run are over, or it fails ◀───────┘
"""

import logging
import random
import time
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
from fleet.core.locks import session_lock
from fleet.core.spoken import count_words
from fleet.forward.feed import feed_renumber, waiting_since
from fleet.forward.kinds import kinds
from fleet.forward.kinds.base import ForwarderKind, ForwardError, ForwardRow
from fleet.forward.leaving import Leaving
from fleet.forward.models import Forwarder, RefusedRow
from fleet.forward.sources import Page, page_next
from fleet.forward.splitting import Sent, rows_send
from fleet.forward.targets import target_of

RUN_JOB: Final = "forward.run_lanes"
#: Lanes side by side; seconds and rows of a lane's run; seconds for which the job begins new runs.
LANES_MOST, RUN_S, ROWS_MOST, JOB_S = 8, 10.0, 20_000, 45.0
#: Longer than a run with a last request that uses all its time.
CLAIM: Final = timedelta(seconds=120)
#: The wait after a failure doubles from the first to the second, in seconds.
_FIRST_S, _LONGEST_S = 15.0, 3_600.0
#: It is paused after failing for this long: somebody has to look at the reason.
GIVE_UP_AFTER: Final = timedelta(days=14)
#: Refused rows that are set aside; with more it is paused.
REFUSED_MOST: Final = 1_000
_ANSWER_MOST = 500

_log = logging.getLogger(__name__)


def lanes_run(*, seconds: float = JOB_S) -> int:
    """Run the lanes that are due, until none is or the time is over; return how many runs there were."""
    with session_lock("roost.forward.lanes") as is_ours:
        if not is_ours:
            return 0
        feed_renumber()
        end, runs = time.monotonic() + seconds, 0
        running: dict[Future[None], int] = {}
        with ThreadPoolExecutor(LANES_MOST, thread_name_prefix="lane") as pool:
            while True:
                if time.monotonic() < end:
                    for number in _due(clock.now(), set(running.values()))[: LANES_MOST - len(running)]:
                        running[pool.submit(_run_apart, number)] = number
                        runs += 1
                if not running:
                    return runs
                for done in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                    del running[done]


def lane_run(*, forwarder_id: int) -> None:
    """Send what waits for one forwarder, for a few seconds, if nobody else does."""
    forwarder = _claim(forwarder_id, clock.now())
    if forwarder is None:
        return
    with translation.override(forwarder.organization.language):
        try:
            _send_pages(forwarder)
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


def _due(moment: datetime, running: set[int]) -> list[int]:
    """Lanes that have something to send and may try, the one that waited longest first."""
    may = Forwarder.objects.filter(
        Q(next_try_at=None) | Q(next_try_at__lte=moment),
        Q(claimed_until=None) | Q(claimed_until__lte=moment),
        paused_at=None,
        organization__deleted_at=None,
    )
    found = list(may.exclude(pk__in=running).order_by(F("last_run_at").asc(nulls_first=True), "pk"))
    waiting = waiting_since(found)
    again = set(RefusedRow.objects.filter(forwarder__in=found, is_waiting=True).values_list("forwarder_id", flat=True))
    return [
        one.pk
        for one in found
        if one.pk in again
        or one.backfill_from is not None
        # Where a lane has just found that nothing more is certain yet, it is asked again a little later.
        or (one.pk in waiting and (one.last_run_at is None or moment - one.last_run_at >= timedelta(seconds=1)))
    ]


def _claim(forwarder_id: int, moment: datetime) -> Forwarder | None:
    claimed = Forwarder.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=moment),
        pk=forwarder_id,
        paused_at=None,
        organization__deleted_at=None,
    ).update(claimed_until=moment + CLAIM, claims=F("claims") + 1, last_run_at=moment)
    return Forwarder.objects.select_related("organization").get(pk=forwarder_id) if claimed else None


def _send_pages(forwarder: Forwarder) -> None:
    kind = kinds().get(forwarder.kind)
    if kind is None:
        _fail(
            forwarder,
            ForwardError(_("This server has no forwarder of the kind %(kind)s any more.") % {"kind": forwarder.kind}),
        )
        return
    until, rows = time.monotonic() + RUN_S, 0
    while time.monotonic() < until and rows < ROWS_MOST:
        page = page_next(forwarder, kind.rows_most)
        if page is None or not _send_page(forwarder, kind, page, until):
            return
        rows += len(page.rows)


def _send_page(forwarder: Forwarder, kind: ForwarderKind, page: Page, until: float) -> bool:
    """Send a page and write what became of it; return whether to go on."""
    leaving = list(Leaving(forwarder, page.rows, clock.now()).rows(page.rows))
    going = [row for row in leaving if row is not None]
    try:
        target = target_of(forwarder, kind)
    except ForwardError as error:
        sent = Sent(error=error)
    else:
        sent = rows_send(kind, going, target, until=until)
    done = _done_of(leaving, sent.done)
    if not _store(forwarder, page, sent, done, kept_back=sum(row is None for row in leaving[:done])):
        return False
    if sent.error is not None:
        _fail(forwarder, sent.error)
    return sent.error is None and done == len(page.rows) and forwarder.paused_at is None


def _done_of(leaving: Sequence[ForwardRow | None], sent: int) -> int:
    """How many of the page's first rows are done, if so many of those that may leave are. Those kept back count, too."""
    for number, row in enumerate(leaving):
        if row is not None:
            if not sent:
                return number
            sent -= 1
    return len(leaving)


@transaction.atomic
def _store(forwarder: Forwarder, page: Page, sent: Sent, done: int, *, kept_back: int) -> bool:
    """Write cursor, counts and refused rows together. False if another worker has the lane now."""
    moment = clock.now()
    counts = {
        "rows_sent": F("rows_sent") + sent.taken,
        "rows_known": F("rows_known") + sent.known,
        "rows_kept_back": F("rows_kept_back") + kept_back,
        # Rows that are sent again were counted as refused.
        "rows_refused": F("rows_refused") + len(sent.refused) - (done if page.is_again else 0),
    }
    fields: dict[str, Any] = {**page.fields(done), **counts}
    if sent.done and sent.error is None:
        fields |= {"failures": 0, "failing_since": None, "next_try_at": None, "answered_at": moment, "answer": ""}
    if sent.taken or sent.known:
        fields["last_sent_at"] = moment
    if not _write(forwarder, **fields):
        return False
    if page.is_again:
        for row in page.rows[:done]:
            RefusedRow.objects.filter(
                forwarder=forwarder, series_id=row.series_id, occurred_at=row.occurred_at
            ).delete()
    _set_aside(forwarder, sent, moment)
    return True


def _set_aside(forwarder: Forwarder, sent: Sent, moment: datetime) -> None:
    if not sent.refused:
        return
    RefusedRow.objects.bulk_create(
        [
            RefusedRow(
                forwarder=forwarder,
                series_id=row.series_id,
                occurred_at=row.at,
                reason=reason[:_ANSWER_MOST],
                refused_at=moment,
            )
            for row, reason in sent.refused
        ],
        update_conflicts=True,
        unique_fields=["forwarder", "series", "occurred_at"],
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
            _fail(forwarder, ForwardError(_("A fault in Roost; the log of the task worker has the details.")))


def _pause(forwarder: Forwarder, why: str, moment: datetime) -> None:
    if _write(forwarder, paused_at=moment, paused_why=why):
        audit(None, forwarder, "forwarder.pause", why=why)


def _write(forwarder: Forwarder, **fields: Any) -> bool:
    """Write fields while the claim is ours, and take over how they are now."""
    if not Forwarder.objects.filter(pk=forwarder.pk, claims=forwarder.claims).update(**fields):
        return False
    # A person may have paused it meanwhile.
    forwarder.refresh_from_db(fields=[*fields, "paused_at"])
    return True
