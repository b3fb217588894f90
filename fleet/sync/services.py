"""Checks of outside systems: one at a time, not too often, each recorded with its outcome."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, NotFound, TooMany
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.core.spoken import moment_words
from fleet.organizations.access import Role, Viewer
from fleet.sync.adapters import adapters
from fleet.sync.adapters.base import Adapter, Fetched, SyncError
from fleet.sync.links import links_renew
from fleet.sync.models import ExternalRecord, SyncRun
from fleet.sync.records import RecordCounts, records_take

State = SyncRun.State
#: Scheduled checks of a system are at least this far apart; Motus' own server has kept to this for years.
LEAST_INTERVAL = timedelta(minutes=10)
#: After repeated failures the pause doubles up to this.
LONGEST_PAUSE = timedelta(hours=6)
#: A person must wait this long after the last check.
BUTTON_PAUSE = timedelta(seconds=20)
#: A list shorter than this share of the previous one is rejected until a person confirms it.
BELIEVED_SHARE = 0.5
_BELIEVED_WITHOUT_QUESTION = 20

_log = logging.getLogger(__name__)


def adapter_get(system: str) -> Adapter:
    """The adapter of that name. Raises `NotFound`, whose text lists the known ones."""
    adapter = adapters().get(system)
    if adapter is None:
        known = ", ".join(sorted(adapters()))
        raise NotFound(
            _("There is no outside system %(name)s. Available: %(known)s.") % {"name": system[:40], "known": known}
        )
    return adapter


def sync_ask(*, viewer: Viewer, system: str, is_short_list_taken: bool = False) -> None:
    """Queue a check to run now in the background, for the button.

    `is_short_list_taken`: the last check found a suspiciously short list, and the person confirms that it is right.
    Raises `NotFound`, `Forbidden`, `Conflict` or `TooMany`.
    """
    adapter = adapter_get(system)
    viewer.require_somewhere(Role.OWNER, to=_("check %(label)s"), label=adapter.label)
    moment = clock.now()
    last = _last_run(adapter)
    if is_short_list_taken and (last is None or last.doubted_rows is None):
        raise Conflict(
            _("The last check of %(label)s found no doubtful list, so there is nothing to confirm.")
            % {"label": adapter.label}
        )
    # Confirming a list need not wait, unlike another check.
    if not is_short_list_taken and last is not None and moment - last.started_at < BUTTON_PAUSE:
        raise TooMany(
            _(
                "%(label)s was last checked %(moment)s, a few seconds ago. The result will appear below when it is "
                "ready."
            )
            % {"label": adapter.label, "moment": moment_words(last.started_at, moment)}
        )
    with transaction.atomic():
        detail = {"is_short_list_taken": True} if is_short_list_taken else {}
        audit_write(actor=viewer.user, organization_id=None, action="sync.ask", subject=system, detail=detail)
        believed = {"believed_rows": last.doubted_rows} if last is not None and is_short_list_taken else {}
        job_ask("sync.run_system", system=system, started_by=viewer.name, **believed)


def sync_may_be_asked(*, viewer: Viewer) -> bool:
    """Whether the viewer may start a check: owners of any organization, and the server's administrators."""
    return viewer.may_somewhere(Role.OWNER)


def sync_run(*, system: str, started_by: str = "", believed_rows: int | None = None) -> SyncRun:
    """Fetch a system's whole list, store it and link the stations; return the run, succeeded or failed.

    `started_by` is empty for scheduled checks, which respect `LEAST_INTERVAL` and the pauses after failures
    (`TooMany`). `believed_rows`: a person saw a list of this many rows and confirmed it.

    1. One run at a time, by a lock that ends with our connection.  2. Fetch, outside of any transaction.
    3. Store list and links in one transaction.  4. Record the outcome.
    """
    adapter = adapter_get(system)
    with _only_one(adapter):
        moment = clock.now()
        if not started_by and not _is_allowed(adapter, moment):
            raise TooMany(f"{adapter.label} was asked less than {LEAST_INTERVAL} ago or asked us to wait.")
        SyncRun.objects.filter(system=system, state=State.RUNNING).update(
            state=State.FAILED,
            finished_at=moment,
            sentence=_("The check was interrupted because Roost was stopped."),
        )
        run = SyncRun.objects.create(system=system, started_by_name=started_by, started_at=moment)
        try:
            fetched = adapter.fetch()
            _require_plausible(adapter, fetched, believed_rows)
            taken, links = _store(adapter, fetched, run)
        except SyncError as error:
            return _run_failed(run, str(error), retry_after_s=error.retry_after_s, doubted_rows=error.doubted_rows)
        except BaseException:
            _run_failed(run, _("The check failed because of an error in Roost. See the task worker's log for details."))
            raise
        return _run_succeeded(run, _taken_sentence(taken, fetched.left_out), taken, links)


def sync_run_due() -> list[SyncRun]:
    """Check each system that is due, and link new stations of the others. For the scheduler."""
    runs = []
    for adapter in adapters().values():
        try:
            if _is_due(adapter, clock.now()):
                runs.append(sync_run(system=adapter.name))
            else:
                _link_new_stations(adapter)
        except (Conflict, TooMany):
            continue
    return runs


def _link_new_stations(adapter: Adapter) -> None:
    known = SyncRun.objects.filter(system=adapter.name, state=State.SUCCEEDED).order_by("-started_at").first()
    if known is not None and known.finished_at is not None:
        with _only_one(adapter), transaction.atomic():
            links_renew(adapter=adapter, moment=known.finished_at, only_new=True)


def _store(adapter: Adapter, fetched: Fetched, run: SyncRun) -> tuple[RecordCounts, int]:
    moment = clock.now()
    with transaction.atomic():
        taken = records_take(adapter=adapter, rows=fetched.rows, run=run, moment=moment)
        return taken, links_renew(adapter=adapter, moment=moment, run=run)


def _require_plausible(adapter: Adapter, fetched: Fetched, believed_rows: int | None) -> None:
    """Reject a list that is empty or shrank by more than half: a fault outside would make all stations look absent.

    A person who saw its length may confirm it; if the next list is even shorter, it needs another confirmation.
    """
    now, before = len(fetched.rows), ExternalRecord.objects.filter(system=adapter.name, absent_since=None).count()
    is_short = before >= _BELIEVED_WITHOUT_QUESTION and now < before * BELIEVED_SHARE
    if not (is_short or (before and not now)) or (believed_rows is not None and now >= believed_rows):
        return
    raise SyncError(
        ngettext(
            "%(label)s listed only %(now)d row instead of %(before)d as before, so nothing was changed. If that is "
            "right, confirm it with the button below; otherwise wait for the next automatic check.",
            "%(label)s listed only %(now)d rows instead of %(before)d as before, so nothing was changed. If that is "
            "right, confirm it with the button below; otherwise wait for the next automatic check.",
            now,
        )
        % {"label": adapter.label, "now": now, "before": before},
        doubted_rows=now,
    )


def _run_failed(
    run: SyncRun, sentence: str, *, retry_after_s: float | None = None, doubted_rows: int | None = None
) -> SyncRun:
    """Close the run with its reason. Each further failure doubles the pause before the next scheduled check."""
    moment = clock.now()
    recent = SyncRun.objects.filter(system=run.system).order_by("-started_at").values_list("state", flat=True)[1:9]
    failures = 1
    for state in recent:
        if state != State.FAILED:
            break
        failures += 1
    pause = min(LEAST_INTERVAL * 2 ** (failures - 1), LONGEST_PAUSE)
    pause = max(pause, timedelta(seconds=retry_after_s or 0))
    run.state, run.finished_at, run.sentence, run.not_before = State.FAILED, moment, sentence, moment + pause
    run.doubted_rows = doubted_rows
    run.save(update_fields=["state", "finished_at", "sentence", "not_before", "doubted_rows"])
    if failures == 1:
        _log.warning("Check of %s failed: %s", run.system, sentence)
    return run


def _run_succeeded(run: SyncRun, sentence: str, taken: RecordCounts, links: int) -> SyncRun:
    run.state, run.finished_at, run.sentence = State.SUCCEEDED, clock.now(), sentence
    run.records = taken.records
    run.changes = taken.changed_fields + taken.new + taken.gone + taken.back + links
    run.save(update_fields=["state", "finished_at", "sentence", "records", "changes"])
    return run


def _taken_sentence(taken: RecordCounts, left_out: int) -> str:
    text = _(
        "%(records)d rows stored: %(new)d new, %(gone)d no longer listed, %(back)d listed again, "
        "%(fields)d fields changed."
    ) % {
        "records": taken.records,
        "new": taken.new,
        "gone": taken.gone,
        "back": taken.back,
        "fields": taken.changed_fields,
    }
    if left_out:
        text += " " + _("%(n)d entries of the list were not rows and were skipped.") % {"n": left_out}
    return text


def _last_run(adapter: Adapter) -> SyncRun | None:
    return SyncRun.objects.filter(system=adapter.name).order_by("-started_at").first()


def _is_allowed(adapter: Adapter, moment: datetime) -> bool:
    last = _last_run(adapter)
    if last is None:
        return True
    return moment >= last.started_at + LEAST_INTERVAL and (last.not_before is None or moment >= last.not_before)


def _is_due(adapter: Adapter, moment: datetime) -> bool:
    last = _last_run(adapter)
    if last is None:
        return True
    if last.state == State.FAILED:
        return _is_allowed(adapter, moment)
    wanted = max(timedelta(seconds=settings.ROOST_SYNC_INTERVAL_S), LEAST_INTERVAL)
    return moment >= last.started_at + wanted


@contextmanager
def _only_one(adapter: Adapter) -> Iterator[None]:
    """Hold the system's lock. It belongs to our connection, so a run that dies leaves nothing locked."""
    with session_lock(f"roost.sync.{adapter.name}") as is_ours:
        if not is_ours:
            raise Conflict(_("A check of %(label)s is already running.") % {"label": adapter.label})
        yield
