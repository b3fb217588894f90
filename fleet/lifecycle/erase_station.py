"""Permanently deleting a station with all it sent: it is hidden and locked out at once, then erased step by step.

Each step is one short transaction; if the job ends early, the next one continues. The tables to erase are found through
the models' relations, so that tables added later are erased too. The audit log stays.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import F, QuerySet, Sum
from django.utils.translation import gettext as _

from fleet.commands.models import Command
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, Unavailable
from fleet.core.locks import session_lock
from fleet.core.outbox import job_ask
from fleet.deployments.models import Deployment
from fleet.files.models import Photo, StoredFile
from fleet.ingest.models import QuarantinedMessage
from fleet.organizations.access import Role, Viewer
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.life.succession import ARCHIVE_MARK, station_archive_name
from fleet.stations.logins.broker import BrokerAccess
from fleet.stations.logins.enrolment import station_logins_end, tokens_end
from fleet.stations.models import Station, StationContact, StationNote
from fleet.telemetry.cold.services import cold_erase
from fleet.telemetry.models import DetectionCount, Series, StreamLedger

ERASE_JOB = "stations.erase"
#: Rows per step, and how long one job runs.
STEP = 5_000
JOB_MOST = timedelta(minutes=4)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StationBelongings:
    """Numbers of rows deleted with a station, cheap to count. Each message has readings or detections."""

    messages: int
    series: int
    detections: int
    commands: int
    deployments: int
    photos: int
    files: int
    notes: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that belong to a station: their table, a column, and a query for its values (`%s` is the station's id)."""

    model: type[models.Model]
    column: str
    among: str
    is_kept: bool = False


def station_belongings(*, station: Station) -> StationBelongings:
    """Count what deleting the station would remove."""
    return StationBelongings(
        messages=_sum(StreamLedger.objects.filter(station=station), "messages"),
        series=Series.objects.filter(station=station).count(),
        detections=_sum(DetectionCount.objects.filter(station=station), "count"),
        commands=Command.objects.filter(station=station).count(),
        deployments=Deployment.objects.filter(station=station).count(),
        photos=Photo.objects.filter(station=station).count(),
        files=StoredFile.objects.filter(station=station).count(),
        notes=StationNote.objects.filter(station=station).count(),
        quarantined=QuarantinedMessage.objects.filter(station=station).count(),
    )


def station_delete(*, actor: Viewer, station: Station, typed: str) -> None:
    """Permanently delete a station and its data. `typed`: its serial, typed by a person as confirmation."""
    actor.require(
        Role.OWNER, organization=station.organization_id, to=_("delete %(serial)s with its data"), serial=station.serial
    )
    if typed.strip().lower() != station.serial.lower():
        raise InvalidInput(
            _("The serial does not match: type %(serial)s exactly to delete the station.") % {"serial": station.serial},
            field="serial",
        )
    belongings = station_belongings(station=station)
    with transaction.atomic():
        if not station_hide(station_id=station.pk, moment=clock.now()):
            return
        audit(actor, station, "station.delete", messages=belongings.messages, series=belongings.series)
        job_ask(ERASE_JOB)
    # If the broker is down, a job ends the logins later; until then, ingest accepts no messages from the station.
    station_logins_end(station)


def stations_erase() -> int:
    """Erase deleted stations for a few minutes; return how many rows were erased. Only one job at a time does this."""
    erased, end = 0, clock.now() + JOB_MOST
    with session_lock("roost.stations.erase") as is_ours:
        if not is_ours:
            return 0
        for station in Station.objects.exclude(deleted_at=None).order_by("deleted_at", "pk"):
            if not _cold_erase(station):
                continue
            for count in _erase_steps(station):
                erased += count
                if count and clock.now() >= end:
                    return erased
            erased += _finish(station)
    return erased


@transaction.atomic
def station_hide(*, station_id: int, moment: datetime) -> bool:
    """Hide the station, end its access, ignore its messages and free its serial; False if that was already done."""
    # Lock in the same order as enrolment and ingest: tokens, station, contact.
    tokens_end(station_id)
    station = Station.objects.select_for_update(no_key=True).get(pk=station_id)
    if station.deleted_at is not None:
        return False
    StationContact.objects.select_for_update().filter(station=station).first()
    StationContact.objects.filter(station=station).update(epoch=F("epoch") + 1)
    if ARCHIVE_MARK not in station.serial:
        station_archive_name(station=station)
    station.credentials.filter(revoked_at=None).update(revoked_at=moment)
    station.transfers.filter(accepted_at=None, withdrawn_at=None).update(withdrawn_at=moment)
    _copy_ledger(station)
    Station.objects.filter(pk=station.pk).update(deleted_at=moment, retired_at=station.retired_at or moment)
    return True


def _copy_ledger(station: Station) -> None:
    """Copy the ledger to the successors, so that they still drop messages that this station already sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_streamledger (station_id, stream, received, oldest_seq, next_seq, messages, repeats, "
            "first_at, last_at, runs, run_sinces, newest_run_at, branch, is_contested) "
            "SELECT s.id, l.stream, l.received, l.oldest_seq, l.next_seq, 0, 0, s.registered_at, s.registered_at, "
            "l.runs, l.run_sinces, l.newest_run_at, l.branch, l.is_contested "
            "FROM telemetry_streamledger l JOIN stations_station s ON s.predecessor_id = l.station_id "
            "WHERE l.station_id = %s ON CONFLICT DO NOTHING",
            [station.pk],
        )


def _cold_erase(station: Station) -> bool:
    """Delete the station's files in cold storage, which the erase steps do not find; False: try again later."""
    try:
        return cold_erase(station_id=station.pk)
    except (Unavailable, OSError) as error:
        _log.warning("The rest of %s will be deleted when cold storage is back: %s", station.serial, error)
        return False


def _erase_steps(station: Station) -> Iterator[int]:
    """Erase everything that belongs to the station, children first; each iteration is its own transaction."""
    for rows in _rows_of(Station, "%s", ()):
        for table in _leaves(rows.model._meta.db_table):  # noqa: SLF001
            while True:
                with transaction.atomic(), connection.cursor() as cursor:
                    some = (
                        f'SELECT ctid FROM "{table}" WHERE {rows.column} IN ({rows.among}) '  # noqa: S608 - names of our own tables
                        f"{f'AND {rows.column} IS NOT NULL' if rows.is_kept else ''} LIMIT {STEP}"
                    )
                    act = f'UPDATE "{table}" SET {rows.column} = NULL' if rows.is_kept else f'DELETE FROM "{table}"'  # noqa: S608
                    cursor.execute(f"{act} WHERE ctid = ANY(ARRAY({some}))", [station.pk])
                    count = cursor.rowcount
                yield count
                if count < STEP:
                    break


def _rows_of(model: type[models.Model], among: str, path: tuple[type[models.Model], ...]) -> Iterator[_Rows]:
    """The rows that refer to rows of a model, most distant first."""
    for relation in model._meta.get_fields(include_hidden=True):  # noqa: SLF001
        if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)):
            continue
        child = relation.related_model
        assert isinstance(child, type)  # noqa: S101 - for the type checker
        if child in path or child is model:
            continue
        column = f'"{getattr(relation.remote_field, "column", "")}"'
        if getattr(relation, "on_delete", None) is models.SET_NULL:
            yield _Rows(child, column, among, is_kept=True)
            continue
        meta = child._meta  # noqa: SLF001
        if not isinstance(meta.pk, models.CompositePrimaryKey):
            key = f'SELECT "{meta.pk.column}" FROM "{meta.db_table}" WHERE {column} IN ({among})'  # noqa: S608
            yield from _rows_of(child, key, (*path, model))
        yield _Rows(child, column, among)


def _leaves(table: str) -> list[str]:
    """A table, or its partitions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree(%s::regclass) WHERE isleaf", [table])
        found = [row[0].strip('"') for row in cursor.fetchall()]
    return found or [table]


def _finish(station: Station) -> int:
    """Delete the station's broker objects and its own row, once all else is gone. Tried again if the broker is down."""
    serial = station.serial.partition(ARCHIVE_MARK)[0]
    try:
        if not Station.objects.filter(serial=serial).exclude(pk=station.pk).exists():
            with BrokerAccess.open() as broker:
                broker.station_delete(serial)
    except BrokerUnreachable as error:
        _log.warning("The rest of %s will be deleted when the broker is back: %s", station.serial, error)
        return 0
    with transaction.atomic():
        Station.objects.filter(predecessor=station).update(predecessor=None)
        Station.objects.filter(parent=station).update(parent=None)
        return Station.objects.filter(pk=station.pk).delete()[0]


def _sum(rows: QuerySet[Any], column: str) -> int:
    return int(rows.aggregate(total=Sum(column))["total"] or 0)
