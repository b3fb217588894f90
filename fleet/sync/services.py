"""Checks of outside systems: one at a time, not too often, each written down with how it went."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.core.spoken import moment_words
from fleet.organizations.access import Role, Viewer
from fleet.sync.adapters import adapters
from fleet.sync.adapters.base import Adapter, Fetched, SyncError
from fleet.sync.errors import SyncNotAllowed, SyncRunning, SyncTooSoon, SystemUnknown
from fleet.sync.links import links_renew
from fleet.sync.models import ExternalRecord, SyncRun
from fleet.sync.records import Taken, records_take

State = SyncRun.State
#: The clock asks no outside system more often than this; Motus' own server has kept to it for years.
LEAST_INTERVAL = timedelta(minutes=10)
#: After failures the pause doubles up to here.
LONGEST_PAUSE = timedelta(hours=6)
#: A person may press the button this long after the last check.
BUTTON_PAUSE = timedelta(seconds=20)
#: A list shorter than this share of the one before is not believed without a person.
BELIEVED_SHARE = 0.5
_BELIEVED_WITHOUT_QUESTION = 20

_log = logging.getLogger(__name__)


def adapter_get(system: str) -> Adapter:
    """The adapter of that name; `SystemUnknown` names those that there are."""
    adapter = adapters().get(system)
    if adapter is None:
        known = ", ".join(sorted(adapters()))
        raise SystemUnknown(
            _("There is no outside system %(name)s. There are: %(known)s.") % {"name": system[:40], "known": known}
        )
    return adapter


def sync_ask(*, viewer: Viewer, system: str) -> None:
    """Ask for a check now, in the background: the button. Raises `SyncNotAllowed`, `SyncRunning` or `SyncTooSoon`."""
    adapter = adapter_get(system)
    if not sync_may_be_asked(viewer=viewer):
        raise SyncNotAllowed(
            _("Only an owner of an organization may check %(label)s. Ask one of yours.") % {"label": adapter.label}
        )
    moment = clock.now()
    last = _last_run(adapter)
    if last is not None and moment - last.started_at < BUTTON_PAUSE:
        raise SyncTooSoon(
            _("%(label)s was asked at %(moment)s, a few seconds ago. Its answer is shown below as soon as it is there.")
            % {"label": adapter.label, "moment": moment_words(last.started_at, moment)}
        )
    with transaction.atomic():
        audit_write(actor=viewer.user, organization_id=None, action="sync.ask", subject=system)
        job_ask("sync.run_system", system=system, started_by=viewer.name)


def sync_may_be_asked(*, viewer: Viewer) -> bool:
    """Whether the viewer may start a check: who owns an organization, or looks after the server."""
    return viewer.sees_all or Role.OWNER in viewer.roles.values()


def sync_run(*, system: str, started_by: str = "") -> SyncRun:
    """Fetch the whole list of a system, take it, link the stations; return the run, succeeded or failed.

    `started_by` is empty for the clock, which keeps `LEAST_INTERVAL` and the pauses after failures (`SyncTooSoon`).
    1. One run at a time, by a lock that ends with our connection.  2. Ask, outside of any transaction.
    3. Take list and links in one transaction.  4. Write down how it went.
    """
    adapter = adapter_get(system)
    with _only_one(adapter):
        moment = clock.now()
        if not started_by and not _is_allowed(adapter, moment):
            raise SyncTooSoon(f"{adapter.label} was asked less than {LEAST_INTERVAL} ago or asked us to wait.")
        SyncRun.objects.filter(system=system, state=State.RUNNING).update(
            state=State.FAILED,
            finished_at=moment,
            sentence=_("The check was interrupted: Roost was stopped meanwhile."),
        )
        run = SyncRun.objects.create(system=system, started_by_name=started_by, started_at=moment)
        try:
            fetched = adapter.fetch()
            _believe(adapter, fetched, started_by)
            taken, links = _take(adapter, fetched, run)
        except SyncError as error:
            return _run_failed(run, str(error), retry_after_s=error.retry_after_s)
        except BaseException:
            _run_failed(run, _("The check broke off by a fault in Roost. The log of the task worker has the details."))
            raise
        return _run_succeeded(run, _taken_sentence(taken, fetched.left_out), taken, links)


def sync_run_due() -> list[SyncRun]:
    """The clock's part: check each system whose time has come, and link stations that are new since."""
    runs = []
    for adapter in adapters().values():
        try:
            if _is_due(adapter, clock.now()):
                runs.append(sync_run(system=adapter.name))
            else:
                _link_new_stations(adapter)
        except (SyncRunning, SyncTooSoon):
            continue
    return runs


def _link_new_stations(adapter: Adapter) -> None:
    known = SyncRun.objects.filter(system=adapter.name, state=State.SUCCEEDED).order_by("-started_at").first()
    if known is not None and known.finished_at is not None:
        with _only_one(adapter), transaction.atomic():
            links_renew(adapter=adapter, moment=known.finished_at, only_new=True)


def _take(adapter: Adapter, fetched: Fetched, run: SyncRun) -> tuple[Taken, int]:
    moment = clock.now()
    with transaction.atomic():
        taken = records_take(adapter=adapter, rows=fetched.rows, run=run, moment=moment)
        return taken, links_renew(adapter=adapter, moment=moment, run=run)


def _believe(adapter: Adapter, fetched: Fetched, started_by: str) -> None:
    """Refuse a list that has shrunk by half, unless a person asked: an outside fault would make all stations absent."""
    before = ExternalRecord.objects.filter(system=adapter.name, absent_since=None).count()
    if started_by or before < _BELIEVED_WITHOUT_QUESTION or len(fetched.rows) >= before * BELIEVED_SHARE:
        return
    raise SyncError(
        _(
            "%(label)s listed only %(now)d rows where it listed %(before)d before, so nothing was changed. "
            "If that is right, check now by the button: a check by a person takes the list as it is."
        )
        % {"label": adapter.label, "now": len(fetched.rows), "before": before}
    )


def _run_failed(run: SyncRun, sentence: str, *, retry_after_s: float | None = None) -> SyncRun:
    """Close the run with its reason; the clock then waits twice as long as after the failure before."""
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
    run.save(update_fields=["state", "finished_at", "sentence", "not_before"])
    if failures == 1:
        _log.warning("Check of %s failed: %s", run.system, sentence)
    return run


def _run_succeeded(run: SyncRun, sentence: str, taken: Taken, links: int) -> SyncRun:
    run.state, run.finished_at, run.sentence = State.SUCCEEDED, clock.now(), sentence
    run.records = taken.records
    run.changes = taken.changed_fields + taken.new + taken.gone + taken.back + links
    run.save(update_fields=["state", "finished_at", "sentence", "records", "changes"])
    return run


def _taken_sentence(taken: Taken, left_out: int) -> str:
    text = _(
        "%(records)d rows taken: %(new)d new, %(gone)d no longer listed, %(back)d listed again, "
        "%(fields)d fields changed."
    ) % {
        "records": taken.records,
        "new": taken.new,
        "gone": taken.gone,
        "back": taken.back,
        "fields": taken.changed_fields,
    }
    if left_out:
        text += " " + _("%(n)d entries of the list were no rows and were left out.") % {"n": left_out}
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
    """Hold the system's lock. It belongs to our connection: a run that dies leaves nothing locked."""
    with session_lock(f"roost.sync.{adapter.name}") as is_ours:
        if not is_ours:
            raise SyncRunning(_("A check of %(label)s is running already.") % {"label": adapter.label})
        yield
