"""Ending packages that expire or contain a station that has left, and removing files without a row."""

from datetime import datetime, timedelta
from typing import Final

from fleet.exports.archive import archive_names, archive_remove
from fleet.exports.models import DataPackage
from fleet.exports.selectors import gone_words, stations_gone

#: How long after the request the row of an ended package is kept.
ROWS_KEPT: Final = timedelta(days=90)
#: How old a file without a row must be before it is removed.
_ORPHAN_AFTER: Final = timedelta(days=1)
State = DataPackage.State


def packages_sweep(*, moment: datetime) -> int:
    """End packages that are due, and delete old rows and stray files; return how many packages were ended."""
    ended = 0
    for package in DataPackage.objects.filter(state=State.DONE):
        if package.expires_at is not None and package.expires_at <= moment:
            ended += _end(package, State.EXPIRED, "")
        elif gone := stations_gone(package):
            ended += _end(package, State.WITHDRAWN, gone_words(gone))
    over = DataPackage.objects.filter(asked_at__lt=moment - ROWS_KEPT)
    over.exclude(state__in=[State.WAITING, State.MAKING, State.DONE]).delete()
    _orphans_remove(moment)
    return ended


def _end(package: DataPackage, state: DataPackage.State, reason: str) -> int:
    done = DataPackage.objects.filter(pk=package.pk, state=State.DONE)
    ended = done.update(state=state, reason=reason or package.reason)
    if ended:
        archive_remove(package.name)
    return ended


def _orphans_remove(moment: datetime) -> None:
    oldest = (moment - _ORPHAN_AFTER).timestamp()
    old = {name for name, written_at in archive_names() if written_at < oldest}
    alive = [State.WAITING, State.MAKING, State.DONE]
    for name in old - set(DataPackage.objects.filter(name__in=old, state__in=alive).values_list("name", flat=True)):
        archive_remove(name)
