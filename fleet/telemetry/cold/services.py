"""Moving months to cold storage and back, erasing a station's files, and looking at what is there."""

import logging
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit_write
from fleet.core.errors import Conflict, Unavailable
from fleet.core.locks import session_lock
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.cold.due import months_due, partitions_shrink
from fleet.telemetry.cold.files import ColdUnreadable, file_delete, file_fetched
from fleet.telemetry.cold.steps import LOCK, Month, file_advance, file_begin, month_thaw
from fleet.telemetry.cold_files import ColdFile

State = ColdFile.State
#: A replaced file is kept this long, so that a database restored from a backup of this age still finds it.
KEPT: Final = timedelta(days=14)
#: A file that was given up is kept this long, so that people can read the reason.
_TOLD: Final = timedelta(days=1)
#: Maximum steps of one file in one run; a file that needs more is left to the next run.
_STEPS_MOST: Final = 6

_log = logging.getLogger("roost.cold")


@dataclass(slots=True)
class Moved:
    """Results of a run for one organization: rows that became cold; late rows that were known, moved or left out."""

    months: int = 0
    rows: int = 0
    octets: int = 0
    known: int = 0
    moved: int = 0
    left_out: int = 0
    #: Months that were given up or could not be moved; the next run tries again.
    failed: int = 0


@dataclass(frozen=True, slots=True)
class ColdHeld:
    """The cold readings, or the cold detections, of one organization."""

    organization: str
    kind: str
    files: int
    rows: int
    octets: int
    first: date | None
    last: date | None
    known: int
    moved: int
    left_out: int


def cold_run(*, seconds: float = 120.0, months: Iterable[Month] | None = None) -> dict[str, Moved]:
    """Move the months that are due, and delete files that are over; return the results by name of organization.

    No new month is begun once `seconds` are over. If another process is doing this, nothing is done.
    """
    until, done = time.monotonic() + seconds, dict[int, Moved]()
    with session_lock(LOCK) as is_ours:
        if not is_ours:
            return {}
        for month in months_due() if months is None else months:
            if time.monotonic() >= until:
                break
            _move(month, done)
        _sweep()
        partitions_shrink()
    return _audited(done)


def cold_thaw(*, station: Station, first: date | None = None, last: date | None = None) -> tuple[int, int]:
    """Bring months of a station back into the table; return how many months and rows. Raises `Unavailable`."""
    months, rows = set[date](), 0
    with session_lock(LOCK) as is_ours:
        if not is_ours:
            raise Conflict(_("Another process is moving data just now. Try again in a few minutes."))
        files = ColdFile.objects.filter(station=station, state=State.COLD).order_by("month", "kind")
        if first is not None:
            files = files.filter(month__gte=first)
        if last is not None:
            files = files.filter(month__lte=last)
        for file in files:
            rows += month_thaw(file)
            months.add(file.month)
    if months:
        audit_write(
            actor=None, organization_id=station.organization_id, action="cold.thaw", subject=station.serial,
            detail={"months": len(months), "rows": rows},
        )  # fmt: skip
    return len(months), rows


def cold_erase(*, station_id: int) -> bool:
    """Delete all cold files of a station; False if another process moves rows just now. Raises `Unavailable`."""
    files = ColdFile.objects.filter(station=station_id)
    if not files.exists():
        return True
    with session_lock(LOCK) as is_ours:
        if is_ours:
            for file in files:
                _delete(file)
    return is_ours


def cold_held() -> list[ColdHeld]:
    """The contents of cold storage, by organization and kind."""
    held = [one for kind in ColdFile.Kind.values for one in _held(kind)]
    return sorted(held, key=lambda one: one.organization)


def _held(kind: str) -> list[ColdHeld]:
    cold = Q(stations__cold_files__state=State.COLD, stations__cold_files__kind=kind)
    found = Organization.objects.filter(cold).annotate(
        files=Count("stations__cold_files"),
        first=Min("stations__cold_files__month"),
        last=Max("stations__cold_files__month"),
        **{name: Sum(f"stations__cold_files__{name}") for name in ("rows", "octets", "known", "moved", "left_out")},
    )
    names = ("files", "rows", "octets", "first", "last", "known", "moved", "left_out")
    return [ColdHeld(one.name, kind, *(getattr(one, name) for name in names)) for one in found.order_by("name", "pk")]


def cold_given_up() -> QuerySet[ColdFile]:
    """Files that were given up in the last day, newest first. Their rows are where they were."""
    return ColdFile.objects.filter(state=State.OVER, cold_at=None).exclude(reason="").order_by("-over_at")


def cold_check() -> list[str]:
    """Read every cold file and check its SHA-256; return the names of files that differ or are missing."""
    wrong = []
    for file in ColdFile.objects.filter(state=State.COLD).order_by("pk").iterator():
        try:
            with file_fetched(place=file.place, name=file.name, sha256=file.sha256):
                pass
        except ColdUnreadable:
            wrong.append(file.name)
    return wrong


def _move(month: Month, done: dict[int, Moved]) -> None:
    try:
        file = file_begin(month)
        if file is None:
            return
        moved, late = done.setdefault(file.station.organization_id, Moved()), (0, 0, 0)
        for _step in range(_STEPS_MOST):
            if file.state not in ColdFile.MADE:
                break
            # Noted before the counts of the file that it replaces are added.
            late = file.known, file.moved, file.left_out
            file_advance(file)
    except Exception:  # noqa: BLE001 - as in the comment
        # A month that cannot be moved must not stop the others.
        _log.exception(
            "%s of %s of station %s were not moved to cold storage", month.table.kind, month.month, month.station_id
        )
        organization = Station.objects.filter(pk=month.station_id).values_list("organization_id", flat=True).first()
        if organization is not None:
            done.setdefault(organization, Moved()).failed += 1
        return
    if file.state == State.COLD:
        moved.months += 1
        moved.rows += file.rows_new
        moved.octets += file.octets
        moved.known += late[0]
        moved.moved += late[1]
        moved.left_out += late[2]
    elif file.reason:
        _log.warning("%s was given up: %s", file.name, file.reason)
        moved.failed += 1


def _audited(done: dict[int, Moved]) -> dict[str, Moved]:
    names = dict(Organization.objects.filter(pk__in=done).values_list("pk", "name"))
    for organization_id, moved in done.items():
        audit_write(
            actor=None, organization_id=organization_id, action="cold.run", subject=names[organization_id],
            detail=asdict(moved),
        )  # fmt: skip
    return {names[key]: moved for key, moved in done.items()}


def _sweep() -> None:
    """Delete files that are over for long enough."""
    moment, over = clock.now(), ColdFile.objects.filter(state=State.OVER)
    for file in over.filter(Q(cold_at=None, over_at__lt=moment - _TOLD) | Q(over_at__lt=moment - KEPT)):
        try:
            _delete(file)
        except (Unavailable, OSError) as error:
            _log.warning("%s is over and could not be deleted; the next run tries again: %s", file.name, error)


def _delete(file: ColdFile) -> None:
    """Delete a file, first its bytes and then its row, so that a run that was killed in between is repeated."""
    if file.name:
        file_delete(place=file.place, name=file.name)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM telemetry_coldpart WHERE file_id = %s", [file.pk])
        ColdFile.objects.filter(pk=file.pk).delete()
