"""The weekly comparison with Motus for each station: its files day by day, and the runs that Motus found in them."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.sync.adapters.base import SyncError
from fleet.sync.adapters.clients.motus import LoginRefused
from fleet.sync.adapters.clients.motus_jobs import MotusJobs
from fleet.sync.models import MotusAccount, MotusDay, MotusReceiver, MotusUpload
from fleet.sync.motus.accounts import jobs_of, login_doubted
from fleet.sync.motus.archive import bare_name
from fleet.sync.motus.by_itself import by_itself_notice
from fleet.sync.motus.run_counts import batch_marks, days_touched, runs_by_day

State = MotusUpload.State
EVERY: Final = timedelta(days=7)
#: A comparison that failed is tried again after this time.
_AGAIN_AFTER: Final = timedelta(hours=1)
#: Maximum receivers in one run, days whose file names are compared, and names stored; the next run goes on.
_RECEIVERS_MOST: Final = 20
_DAYS_MOST: Final = 60
_NAMES_MOST: Final = 50
#: A run begins no further receiver after this many seconds.
_BEGIN_WITHIN_S: Final = 120.0
_SETTLED: Final = frozenset({State.DATA, State.KNOWN})


@dataclass
class _OurDay:
    """Files of one day by bare name: all that were found here, and octets of those that Motus accepted."""

    found: set[str] = field(default_factory=set)
    accepted: dict[str, int] = field(default_factory=dict)
    #: When the last upload of the day was settled.
    settled_at: datetime | None = None


def receivers_reconcile(*, account: MotusAccount) -> None:
    """Compare the receivers that are due. Trouble with Motus ends the run and is reported; the next try is in an hour.

    The receiver that hit it then comes after the others, in case it alone causes the trouble.
    """
    due = _due(account)
    if not due or account.is_refused:
        return
    budget, until = _DAYS_MOST, time.monotonic() + _BEGIN_WITHIN_S
    waiting = {receiver.pk for receiver in due}
    with translation.override(account.organization.language):
        try:
            with jobs_of(account) as jobs:
                for receiver in due:
                    if budget <= 0 or time.monotonic() > until:
                        return
                    budget -= _one(jobs, receiver, budget)
                    waiting.remove(receiver.pk)
        except SyncError as error:
            words = login_doubted(account, error) if isinstance(error, LoginRefused) else str(error)
            # The others would hit the same trouble.
            MotusReceiver.objects.filter(pk__in=waiting).update(answer=words, tried_at=clock.now())


def _one(jobs: MotusJobs, receiver: MotusReceiver, budget: int) -> int:
    """Compare one receiver; return how many days were compared. A failure that concerns only it ends as a sentence."""
    row = MotusReceiver.objects.filter(pk=receiver.pk)
    try:
        return _receiver(jobs, receiver, budget)
    except LoginRefused:
        raise
    except SyncError as error:
        if error.is_passing:
            row.update(failures=min(receiver.failures + 1, 100))
            raise
        row.update(answer=str(error))
        return 1


def _due(account: MotusAccount) -> list[MotusReceiver]:
    """Receivers of stations whose files were found here, the longest unchecked first."""
    moment = clock.now()
    known = set(MotusReceiver.objects.filter(account=account).values_list("serial", flat=True))
    serials = MotusUpload.objects.filter(account=account).order_by("serial").values_list("serial", flat=True)
    MotusReceiver.objects.bulk_create(
        [MotusReceiver(account=account, serial=serial) for serial in serials.distinct() if serial not in known],
        ignore_conflicts=True,
    )
    rows = (
        MotusReceiver.objects.filter(account=account)
        .filter(Q(checked_at=None) | Q(checked_at__lte=moment - EVERY))
        .filter(Q(tried_at=None) | Q(tried_at__lte=moment - _AGAIN_AFTER))
        .order_by("failures", F("checked_at").asc(nulls_first=True), "pk")
    )
    return list(rows[:_RECEIVERS_MOST])


def _receiver(jobs: MotusJobs, receiver: MotusReceiver, budget: int) -> int:
    """Compare one receiver; return for how many days file names were compared. Raises `SyncError`.

    1. Ask Motus for the number of files by day.  2. Compare names where numbers differ or were never compared.
    3. Store the outcome.  4. Count runs where Motus made new batches, as far as it gives them.
    """
    moment = clock.now()
    MotusReceiver.objects.filter(pk=receiver.pk).update(tried_at=moment)
    counts = jobs.file_counts(serial=receiver.serial)
    theirs = {day: n for day, n in (counts or {}).items() if n}
    by_itself_notice(receiver, theirs=theirs, ours=set(_sent_days(receiver)), moment=moment)
    MotusReceiver.objects.filter(pk=receiver.pk).update(asked_at=moment)
    ours = _ours(receiver)
    stored = {one.day: one for one in receiver.days.all()}
    wanted = [
        day for day, our in sorted(ours.items(), reverse=True) if _is_open(our, theirs.get(day, 0), stored.get(day))
    ]
    compared: dict[date, MotusDay] = {}
    for day in wanted[:budget]:
        sizes = jobs.file_sizes(serial=receiver.serial, day=day.isoformat()) if theirs.get(day) else {}
        row = stored.get(day) or MotusDay(receiver=receiver, day=day)
        compared[day] = _compared(row, ours[day], sizes, moment)
        row.save()
    shown = {**stored, **compared}
    others = {day: n for day, n in theirs.items() if day not in ours}
    receiver.other_days, receiver.other_files = len(others), sum(others.values())
    receiver.other_last = max(others, default=None)
    receiver.save(update_fields=["other_days", "other_files", "other_last"])
    untold = _runs(jobs, receiver, shown, ours, moment)
    left = max(len(wanted) - budget, 0)
    receiver.checked_at, receiver.failures = receiver.checked_at if left else moment, 0
    receiver.answer = " ".join([_told(shown.values(), left), *untold])
    if counts is None:
        receiver.answer = _("Motus has no files of a receiver with this serial.") + " " + receiver.answer
    receiver.save(update_fields=["checked_at", "failures", "answer"])
    return len(compared)


def _runs(
    jobs: MotusJobs,
    receiver: MotusReceiver,
    shown: Mapping[date, MotusDay],
    ours: Mapping[date, _OurDay],
    moment: datetime,
) -> list[str]:
    """Count runs where batches changed; return sentences on what was not counted. Raises `SyncError` if temporary."""
    try:
        batches = jobs.batches(serial=receiver.serial)
    except LoginRefused:
        raise
    except SyncError as error:
        if error.is_passing:
            raise
        return [_("Runs were not counted: %(why)s") % {"why": error}]
    uncounted = [one.day for one in shown.values() if one.runs is None]
    touched = days_touched(shown, receiver.batches, batch_marks(batches), uncounted)
    counts = runs_by_day(jobs, batches, touched)
    with transaction.atomic():
        for day, number in counts.by_day.items():
            _runs_take(shown[day], ours.get(day), number, receiver.counted_at, moment)
            shown[day].save()
        receiver.batches = batch_marks(batches, counts.unread)
        receiver.counted_at = receiver.counted_at if counts.unread else moment
        receiver.save(update_fields=["batches", "counted_at"])
    told = []
    if counts.beyond:
        told.append(
            _("Batches at Motus whose runs were not counted, because there are too many: %(n)d.") % {"n": counts.beyond}
        )
    if counts.refused:
        named = {"n": counts.refused, "why": counts.said}
        told.append(_("Batches at Motus whose runs could not be read: %(n)d. %(why)s") % named)
    return told


def _ours(receiver: MotusReceiver) -> dict[date, _OurDay]:
    found: dict[date, _OurDay] = defaultdict(_OurDay)
    rows = MotusUpload.objects.filter(account=receiver.account_id, serial=receiver.serial)
    for day, state, files, settled_at in rows.values_list("day", "state", "files", "settled_at"):
        our = found[day]
        for each in files:
            bare = bare_name(each["name"])
            our.found.add(bare)
            if state in _SETTLED and not each["refusal"] and not each.get("is_set_aside"):
                our.accepted[bare] = max(our.accepted.get(bare, 0), each.get("plain") or each["size"])
        if state in _SETTLED and settled_at is not None:
            our.settled_at = max(our.settled_at or settled_at, settled_at)
    return dict(found)


def _sent_days(receiver: MotusReceiver) -> list[date]:
    sent = (State.QUEUED, State.SENT, State.DATA)
    rows = MotusUpload.objects.filter(account=receiver.account_id, serial=receiver.serial)
    return list(rows.filter(Q(state__in=sent) | ~Q(sent_at=None)).values_list("day", flat=True))


def _is_open(our: _OurDay, theirs: int, stored: MotusDay | None) -> bool:
    """Whether to compare the names of a day: Motus accepted files of it, and they were not compared yet or differ."""
    if not our.accepted:
        return False
    if (
        stored is None
        or stored.lacking_since is not None
        or (stored.ours, stored.theirs) != (len(our.accepted), theirs)
    ):
        return True
    return our.settled_at is not None and our.settled_at > stored.checked_at


def _compared(row: MotusDay, our: _OurDay, theirs: Mapping[str, int | None], moment: datetime) -> MotusDay:
    gone = sorted(bare for bare in our.accepted if bare not in theirs)
    more = sorted(bare for bare in theirs if bare not in our.found)
    sized = [(bare, octets, theirs.get(bare)) for bare, octets in sorted(our.accepted.items())]
    other = [(bare, octets, there) for bare, octets, there in sized if there is not None and there != octets]
    is_lacking = bool(gone) or any(there < octets for _bare, octets, there in other)
    row.ours, row.theirs, row.checked_at = len(our.accepted), len(theirs), moment
    row.missing_there, row.n_missing_there = gone[:_NAMES_MOST], len(gone)
    row.missing_here, row.n_missing_here = more[:_NAMES_MOST], len(more)
    row.other_sizes = [f"{bare}: {octets} / {there}" for bare, octets, there in other[:_NAMES_MOST]]
    row.n_other_sizes = len(other)
    row.lacking_since = (row.lacking_since or moment) if is_lacking else None
    return row


def _runs_take(row: MotusDay, our: _OurDay | None, now: int | None, last: datetime | None, moment: datetime) -> None:
    """Store the number of runs. If it changed although no upload of the day was settled since, note that."""
    is_ours = our is not None and our.settled_at is not None and last is not None and our.settled_at > last
    if row.runs is not None and now != row.runs and not is_ours:
        row.runs_before, row.runs_changed_at = row.runs, moment
    row.runs = now


def _told(days: Iterable[MotusDay], left: int) -> str:
    rows = list(days)
    lacking = sum(1 for one in rows if one.lacking_since is not None)
    told = [ngettext("%(n)d day compared with Motus.", "%(n)d days compared with Motus.", len(rows)) % {"n": len(rows)}]
    if lacking:
        told.append(_("Days with something missing at Motus: %(n)d.") % {"n": lacking})
    if left:
        told.append(_("Days left for the next comparison: %(n)d.") % {"n": left})
    return " ".join(told)
