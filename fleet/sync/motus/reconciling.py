"""The weekly comparison with what Motus has of each station: its files day by day, and the runs that became of them."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
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
#: Receivers in one run, and days whose names are asked for; the next run goes on.
_RECEIVERS_MOST: Final = 20
_DAYS_MOST: Final = 60
_NAMES_MOST: Final = 50
#: No further receiver is begun after this time of a run.
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
    """Compare the receivers that are due. Trouble with Motus ends the run, is told, and is tried again in an hour."""
    due = _due(account)
    if not due or account.is_refused:
        return
    budget, until = _DAYS_MOST, time.monotonic() + _BEGIN_WITHIN_S
    with translation.override(account.organization.language):
        try:
            with jobs_of(account) as jobs:
                for receiver in due:
                    if budget <= 0 or time.monotonic() > until:
                        return
                    budget -= _one(jobs, receiver, budget)
        except SyncError as error:
            words = login_doubted(account, error) if isinstance(error, LoginRefused) else str(error)
            # The others would meet the same trouble.
            pks = [receiver.pk for receiver in due]
            MotusReceiver.objects.filter(pk__in=pks).update(answer=words, tried_at=clock.now())


def _one(jobs: MotusJobs, receiver: MotusReceiver, budget: int) -> int:
    """Compare one receiver; return how many days were looked into. What concerns it alone ends with a sentence."""
    try:
        return _receiver(jobs, receiver, budget)
    except LoginRefused:
        raise
    except SyncError as error:
        if error.is_passing:
            raise
        MotusReceiver.objects.filter(pk=receiver.pk).update(answer=str(error))
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
        .order_by("checked_at", "pk")
    )
    return list(rows[:_RECEIVERS_MOST])


def _receiver(jobs: MotusJobs, receiver: MotusReceiver, budget: int) -> int:
    """Compare one receiver; return how many days were looked into by name. Raises `SyncError`.

    1. Count files by day.  2. Compare names where counts differ, or never were compared.  3. Count runs if Motus made
    new batches.  4. Store all of it.
    """
    moment = clock.now()
    MotusReceiver.objects.filter(pk=receiver.pk).update(tried_at=moment)
    counts = jobs.file_counts(serial=receiver.serial)
    theirs = {day: n for text, n in (counts or {}).items() if (day := _day(text)) and n}
    ours = _ours(receiver)
    stored = {one.day: one for one in receiver.days.all()}
    wanted = [
        day for day, our in sorted(ours.items(), reverse=True) if _is_open(our, theirs.get(day, 0), stored.get(day))
    ]
    rows = []
    for day in wanted[:budget]:
        sizes = jobs.file_sizes(serial=receiver.serial, day=day.isoformat()) if theirs.get(day) else {}
        rows.append(_compared(stored.get(day) or MotusDay(receiver=receiver, day=day), ours[day], sizes, moment))
    compared = {one.day: one for one in rows}
    batches = jobs.batches(serial=receiver.serial)
    marks = batch_marks(batches)
    shown = {**stored, **compared}
    uncounted = [one.day for one in shown.values() if one.runs is None]
    runs, unread = runs_by_day(jobs, batches, days_touched(shown, receiver.batches, marks, uncounted))
    for one in shown.values():
        if one.day in runs:
            _runs_take(one, ours.get(one.day), runs[one.day], receiver.checked_at, moment)
    by_itself_notice(receiver, theirs=theirs, ours=set(_sent_days(receiver)), moment=moment)
    others = {day: n for day, n in theirs.items() if day not in ours}
    receiver.other_days, receiver.other_files = len(others), sum(others.values())
    receiver.other_last = max(others, default=None)
    receiver.batches, receiver.tried_at = marks, moment
    left = max(len(wanted) - budget, 0)
    receiver.checked_at = receiver.checked_at if left else moment
    receiver.answer = _told(shown.values(), left, unread)
    if counts is None:
        receiver.answer = _("Motus has no files of a receiver with this serial.") + " " + receiver.answer
    with transaction.atomic():
        receiver.save()
        for one in shown.values():
            if one.day in compared or one.day in runs:
                one.save()
    return len(rows)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


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
    """Whether the names of a day have to be compared: something was accepted, and that was not compared yet, or differs."""
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
    """Keep the number of runs. It changed by itself if nothing of the day was settled since the last comparison."""
    is_ours = our is not None and our.settled_at is not None and last is not None and our.settled_at > last
    if row.runs is not None and now != row.runs and not is_ours:
        row.runs_before, row.runs_changed_at = row.runs, moment
    row.runs = now


def _told(days: Iterable[MotusDay], left: int, unread: int) -> str:
    rows = list(days)
    lacking = sum(1 for one in rows if one.lacking_since is not None)
    told = [ngettext("%(n)d day compared with Motus.", "%(n)d days compared with Motus.", len(rows)) % {"n": len(rows)}]
    if lacking:
        told.append(_("Days of which Motus lacks something: %(n)d.") % {"n": lacking})
    if left:
        told.append(_("Days for the next comparison: %(n)d.") % {"n": left})
    if unread:
        told.append(
            _("Batches at Motus whose runs were not counted, because there are too many: %(n)d.") % {"n": unread}
        )
    return " ".join(told)
