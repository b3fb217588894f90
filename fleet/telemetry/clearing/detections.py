"""Retention of detections: single ones are removed after some days; their hourly counts and hours of tags stay."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from fleet.core.audit import audit_write
from fleet.core.errors import InvalidInput, Unavailable
from fleet.core.locks import transaction_lock
from fleet.organizations.access import Role, Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from fleet.telemetry.cold.heard import heard_total
from fleet.telemetry.heard.tag_hours import PAST
from fleet.telemetry.keeping.models import ClearedDetections, DetectionRule
from fleet.telemetry.keeping.rules import DAYS_MOST
from fleet.telemetry.models import RollUp, TagHourDue

#: People need a month to look at recent detections, and to correct a wrong clock.
DAYS_LEAST: Final = 30
#: Approximate number of rows removed per transaction; at least one day of a station.
ROWS_MOST = 50_000
_DUE: Final = (
    "FROM telemetry_detection WHERE station_id = %(station)s AND occurred_at >= %(past)s AND occurred_at < %(before)s"
)
_STEP: Final = (
    "SELECT least(%(before)s, date_trunc('day', occurred_at, 'UTC') + interval '1 day') "
    f"{_DUE} ORDER BY occurred_at OFFSET %(most)s LIMIT 1"
)


def detection_days(organization: Organization) -> int | None:
    """Number of days for which single detections are kept; None means forever."""
    return DetectionRule.objects.filter(organization=organization).values_list("days", flat=True).first()


def detections_require(*, actor: Viewer, organization: Organization) -> None:
    """Raise `Forbidden` unless the actor is an owner."""
    actor.require(Role.OWNER, organization=organization, to=_("set how long detections of %(name)s are kept"))


@transaction.atomic
def detections_keep(*, organization: Organization, days: int | None, actor: Viewer | None = None) -> None:
    """Set for how many days single detections are kept; None: forever. Raises `Forbidden` and `InvalidInput`."""
    if actor is not None:
        detections_require(actor=actor, organization=organization)
    if days is None:
        DetectionRule.objects.filter(organization=organization).delete()
    elif not DAYS_LEAST <= days <= DAYS_MOST:
        raise InvalidInput(
            _("Detections are kept for at least %(least)d days, and at most 36,500.") % {"least": DAYS_LEAST},
            field="days",
        )
    else:
        DetectionRule.objects.update_or_create(organization=organization, defaults={"days": days})
    audit_write(
        actor=actor.user if actor else None, organization_id=organization.pk, action="retention.detections",
        subject=organization.name, detail={"days": days, **({"by": actor.name} if actor else {})},
    )  # fmt: skip


def detections_clear(
    organization: Organization, today: datetime, *, is_dry: bool, is_over: Callable[[], bool]
) -> tuple[int, int]:
    """Remove detections that are due, station by station, until `is_over`; return how many, and how many stations wait.

    A station waits if it has hours whose tags are not counted yet, while another process rolls up readings or moves
    months to cold storage, and if a cold file that has to be counted cannot be read.
    """
    days = detection_days(organization)
    if days is None:
        return 0, 0
    removed = waiting = 0
    before = today - timedelta(days=days)
    for station_id in Station.objects.filter(organization=organization).order_by("pk").values_list("pk", flat=True):
        if TagHourDue.objects.filter(station=station_id, hour__lt=before).exists():
            waiting += 1
        elif is_dry:
            removed += _count(station_id, before)
        else:
            rows, is_waiting = _station_clear(station_id, before, is_over)
            removed += rows
            waiting += is_waiting
    return removed, waiting


def detections_cleared(station: Station) -> ClearedDetections:
    """The moment before which retention removed a station's single detections, and how many it removed."""
    return ClearedDetections.objects.filter(station=station).first() or ClearedDetections(station=station)


def _station_clear(station_id: int, before: datetime, is_over: Callable[[], bool]) -> tuple[int, bool]:
    removed = 0
    while not is_over():
        try:
            rows, until = _step(station_id, before)
        except Unavailable:
            # Some of its detections are in a cold file that cannot be read now.
            until, rows = None, 0
        if until is None:
            return removed, True
        removed += rows
        if until >= before:
            break
    return removed, False


@transaction.atomic
def _step(station_id: int, before: datetime) -> tuple[int, datetime | None]:
    """Remove the oldest rows; return how many, and up to when, or None if another process holds the roll-ups' lock."""
    if not transaction_lock(RollUp.LOCK):
        return 0, None
    arguments: dict[str, int | datetime] = {
        "station": station_id,
        "past": PAST,
        "before": before,
        "most": ROWS_MOST - 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STEP, arguments)
        row = cursor.fetchone()
        until = row[0] if row else before
        cursor.execute(f"DELETE {_DUE}", {**arguments, "before": until})
        # From now on readers ignore the cold rows of that time; the next run of cold storage removes them.
        rows = int(cursor.rowcount) + _cold_due(station_id, until)
    if rows:
        cleared, _is_new = ClearedDetections.objects.get_or_create(station_id=station_id)
        moved = {} if cleared.before and cleared.before >= until else {"before": until}
        ClearedDetections.objects.filter(pk=cleared.pk).update(removed=F("removed") + rows, **moved)
    return rows, until


def _count(station_id: int, before: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_DUE}", {"station": station_id, "past": PAST, "before": before})
        row = cursor.fetchone()
    return (int(row[0]) if row else 0) + _cold_due(station_id, before)


def _cold_due(station_id: int, before: datetime) -> int:
    """Number of cold detections that retention has not removed yet."""
    return heard_total([station_id], PAST, before)
