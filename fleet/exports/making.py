"""Making packages in the background: one at a time on the whole server, organizations in turn.

    claim (waiting → making) ──▶ write to a temporary name, reporting progress ──▶ rename, then making → done

Only the worker with the lock makes packages. So a package in state `making` when another worker gets the lock was left
by a worker that was killed or hit an unforeseen error: it is made again from the start, a few times, then given up.
Each update of the row checks state and attempt, so a worker that comes back late changes nothing.
"""

import logging
import shutil
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core import clock
from fleet.core.errors import DomainError, TooMany
from fleet.core.locks import session_lock
from fleet.exports.archive import ArchiveTarget, archive_path, archive_remove
from fleet.exports.letters import package_letter
from fleet.exports.models import DataPackage
from fleet.exports.package import PackageWritten, Progress, package_write
from fleet.exports.question import Format, PackageQuestion
from fleet.exports.services import bytes_kept

_log = logging.getLogger("roost.exports")

#: Maximum attempts before a package is given up, and how long one attempt may take.
ATTEMPTS_MOST: Final = 3
MAKING_MOST: Final = timedelta(minutes=55)
#: Bytes of disk space that packages leave free for everything else.
_KEPT_FREE: Final = 1_000_000_000
#: Progress is reported at most once in this time.
_TOLD_EVERY: Final = timedelta(seconds=1)
State = DataPackage.State


class _Superseded(Exception):
    """Somebody removed the package, or another worker took it."""


def packages_make() -> int:
    """Make waiting packages until none is left; return how many were finished. Only one worker at a time does this."""
    made = 0
    with session_lock("roost.exports.make") as is_ours:
        if not is_ours:
            return 0
        _abandoned_settle()
        while (package := _next()) is not None:
            made += _make(package)
    return made


def _abandoned_settle() -> None:
    """Put packages of killed workers back in the queue, or give them up. We hold the lock, so nobody is making them."""
    for package in DataPackage.objects.filter(state=State.MAKING):
        archive_remove(package.name)
        if package.attempts < ATTEMPTS_MOST:
            _step(package, State.WAITING)
        else:
            _fail(
                package,
                _("%(count)d attempts to make it gave no result: the server's log says why. Ask for less.")
                % {"count": package.attempts},
            )


def _next() -> DataPackage | None:
    """Claim the oldest waiting package of the organization that had its last turn longest ago; None if none waits."""
    turns = (
        DataPackage.objects.filter(organization=OuterRef("organization"))
        .values("organization")
        .annotate(at=Max("begun_at"))
    )
    waiting = DataPackage.objects.filter(state=State.WAITING, organization__deleted_at=None)
    ordered = waiting.annotate(turn=Subquery(turns.values("at"))).order_by(F("turn").asc(nulls_first=True), "id")
    package = ordered.select_related("organization").first()
    if package is None:
        return None
    moment = clock.now()
    claimed = DataPackage.objects.filter(pk=package.pk, state=State.WAITING)
    if not claimed.update(
        state=State.MAKING, attempts=F("attempts") + 1, begun_at=moment, parts=0, parts_all=0, rows=0, bytes=0
    ):
        return _next()
    package.state, package.attempts, package.begun_at = State.MAKING, package.attempts + 1, moment
    return package


def _make(package: DataPackage) -> bool:
    target = None
    try:
        target = ArchiveTarget(package.name)
        told = _Told(package, target)
        done = package_write(_question(package), target, tell=told.tell)
        size, digest = target.finish()
        told.size_check(size)
        _finish(package, done, size, digest)
    except _Superseded:
        archive_remove(package.name)
        return False
    except DomainError as error:
        archive_remove(package.name)
        _fail(package, str(error))
        return False
    except OSError as error:
        _log.exception("Package %s was not written", package.pk)
        archive_remove(package.name)
        _fail(package, _("The server could not write it: %(reason)s.") % {"reason": error.strerror or str(error)})
        return False
    finally:
        if target is not None:
            target.close()
    return True


class _Told:
    """Writes progress to the row, and stops a package that is too large, too slow or no longer wanted."""

    def __init__(self, package: DataPackage, target: ArchiveTarget) -> None:
        self._package, self._target = package, target
        self._began = self._last = clock.now()
        self._room = settings.ROOST_PACKAGES_BYTES - bytes_kept(package.organization)

    def tell(self, progress: Progress) -> None:
        """Report one more part."""
        moment, size = clock.now(), self._target.bytes
        self.size_check(size)
        if moment - self._last < _TOLD_EVERY and progress.parts < progress.parts_all:
            return
        self._last = moment
        self._limits_check(moment)
        values = {"parts": progress.parts, "parts_all": progress.parts_all, "rows": progress.rows, "bytes": size}
        if not _ours(self._package).update(**values):
            raise _Superseded

    def size_check(self, size: int) -> None:
        """Raise `TooMany` if the organization has no room for a file of this size."""
        if size > self._room:
            raise TooMany(_("It is larger than the space left for your organization's packages: ask for less."))

    def _limits_check(self, moment: datetime) -> None:
        if moment - self._began > MAKING_MOST:
            raise TooMany(
                _("It was not finished within %(minutes)d minutes: ask for less.")
                % {"minutes": MAKING_MOST // timedelta(minutes=1)}
            )
        if shutil.disk_usage(archive_path(self._package.name).parent).free < _KEPT_FREE:
            raise TooMany(_("The disk of the server is nearly full. Its administrators have to make room."))


def _question(package: DataPackage) -> PackageQuestion:
    return PackageQuestion(
        organization=package.organization,
        station_ids=tuple(package.station_ids),
        deployment_ids=tuple(package.deployment_ids),
        kinds=tuple(package.kinds),
        series=tuple(package.series),
        start=package.start_at,
        end=package.end_at,
        format=Format(package.format),
        is_local=package.is_local,
        is_clean=package.is_clean,
        licence=package.licence,
        citation=package.citation,
    )


@transaction.atomic
def _finish(package: DataPackage, done: PackageWritten, size: int, digest: str) -> None:
    moment = clock.now()
    missing = len(done.missing)
    values = {
        "rows": done.rows,
        "left_out": done.left_out,
        "bytes": size,
        "sha256": digest,
        "station_ids": list(done.station_ids),
        "reason": ngettext(
            "%(number)d chosen station is not in it: the organization no longer has it.",
            "%(number)d chosen stations are not in it: the organization no longer has them.",
            missing,
        )
        % {"number": missing}
        if missing
        else "",
        "done_at": moment,
        "expires_at": moment + settings.ROOST_PACKAGES_KEPT,
    }
    if not _step(package, State.DONE, **values):
        raise _Superseded
    package_letter(package)


@transaction.atomic
def _fail(package: DataPackage, reason: str) -> None:
    if _step(package, State.FAILED, reason=reason[:500], done_at=clock.now()):
        package_letter(package)


def _step(package: DataPackage, state: DataPackage.State, **values: object) -> bool:
    """Set the package's next state, unless it is no longer ours; return whether it was."""
    moved = bool(_ours(package).update(state=state, **values))
    if moved:
        package.refresh_from_db()
    return moved


def _ours(package: DataPackage) -> QuerySet[DataPackage]:
    return DataPackage.objects.filter(pk=package.pk, state=State.MAKING, attempts=package.attempts)
