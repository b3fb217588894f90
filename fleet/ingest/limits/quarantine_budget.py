"""Budget of quarantine: how many of a station's refused messages are kept whole; the rest is only counted.

    refused ──within the budget──▶ kept whole ──replayed or discarded──▶ room for another
       └──over budget──▶ counted, with the reason, sentence and first bytes of the newest

Messages that only wait to be accepted are always kept. A station with too many of them is suspended, so that it stores
its data itself.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from fleet.core import clock
from fleet.ingest.database import cursor, numbers
from fleet.ingest.delivery import FORKED, TOO_MANY_GAPS, TOO_MANY_STREAMS, Refusal
from fleet.ingest.limits.quota import OVER_QUOTA
from fleet.ingest.models import QuarantinedMessage, QuarantineTally
from fleet.organizations.access import Viewer
from fleet.stations.errors import BrokerUnreachable
from fleet.stations.logins.suspension import station_suspend
from fleet.stations.models import Station

_log = logging.getLogger(__name__)

#: Most refused messages of one station that are kept whole, and most bytes of these.
KEPT_MOST, KEPT_BYTES_MOST = 10_000, 50_000_000
#: A station with more waiting messages, or more bytes of them, is suspended.
WAITING_MOST, WAITING_BYTES_MOST = 500_000, 1_000_000_000
#: The reason word for such a suspension.
FULL = "quarantine-full"
#: Reasons of messages that wait: they are complete and valid, and can be accepted later.
WAITING = frozenset({OVER_QUOTA, FORKED, TOO_MANY_GAPS, TOO_MANY_STREAMS})
#: Bytes kept of a body that is only counted.
_START_BYTES = 120
#: Tallies that are at least 1/4 full are recounted, because people and jobs decide about messages meanwhile.
_RECOUNT_FROM = 4


class Addition(NamedTuple):
    """Amounts that a batch adds to one tally."""

    kept: int = 0
    kept_bytes: int = 0
    cut: int = 0
    cut_bytes: int = 0
    newest: Refusal | None = None


def budget_apply(refusals: list[Refusal], moment: datetime) -> list[Refusal]:
    """Count all refusals in the caller's transaction, and return those to keep whole."""
    stations = {refusal.station.id if refusal.station else None for refusal in refusals}
    used = _lock_and_sum_used(stations)
    added: dict[tuple[int | None, str], Addition] = defaultdict(Addition)
    kept: list[Refusal] = []
    for refusal in refusals:
        station_id, reason, size = (
            refusal.station.id if refusal.station else None,
            refusal.reason[:32],
            len(refusal.delivery.body),
        )
        before = added[station_id, reason]
        messages, octets = used.get(station_id, (0, 0))
        is_kept = reason in WAITING or (messages < KEPT_MOST and octets + size <= KEPT_BYTES_MOST)
        if is_kept:
            kept.append(refusal)
            added[station_id, reason] = before._replace(kept=before.kept + 1, kept_bytes=before.kept_bytes + size)
            if reason not in WAITING:
                used[station_id] = messages + 1, octets + size
        else:
            added[station_id, reason] = before._replace(
                cut=before.cut + 1, cut_bytes=before.cut_bytes + size, newest=refusal
            )
    _write_tallies(added, moment)
    return kept


def tallies_cut(*, viewer: Viewer, station: str = "") -> QuerySet[QuarantineTally]:
    """Tallies of the viewer's stations with messages that were only counted, newest first."""
    rows = QuarantineTally.objects.select_related("station").filter(cut__gt=0).order_by("-last_cut_at", "id")
    rows = rows.filter(viewer.stations("station__"))
    return rows.filter(station__serial=station) if station else rows


def tallies_recount() -> int:
    """Recount the held messages of the fullest tallies; return how many tallies changed."""
    full = Q(kept__gte=KEPT_MOST // _RECOUNT_FROM) | Q(kept_bytes__gte=KEPT_BYTES_MOST // _RECOUNT_FROM)
    changed = 0
    for number in list(QuarantineTally.objects.filter(full).values_list("id", flat=True)):
        with transaction.atomic():
            # Locked first: what ingest adds meanwhile is either counted here or waits for us.
            tally = QuarantineTally.objects.select_for_update().get(id=number)
            held = QuarantinedMessage.objects.filter(
                station=tally.station_id, reason=tally.reason, state=QuarantinedMessage.State.HELD
            ).aggregate(messages=Count("id"), octets=Sum("body_bytes"))
            now = held["messages"], held["octets"] or 0
            if now != (tally.kept, tally.kept_bytes):
                changed += QuarantineTally.objects.filter(id=number).update(kept=now[0], kept_bytes=now[1])
    return changed


def stations_full() -> set[int]:
    """Stations with so many waiting messages that they must store the rest themselves."""
    waiting = QuarantineTally.objects.filter(reason__in=WAITING).exclude(station=None).order_by()
    sums = waiting.values("station").annotate(messages=Sum("kept"), octets=Sum("kept_bytes"))
    full = sums.filter(Q(messages__gt=WAITING_MOST) | Q(octets__gt=WAITING_BYTES_MOST))
    return set(full.values_list("station", flat=True))


def full_suspend() -> int:
    """Suspend stations with too many waiting messages; return how many."""
    moment, suspended = clock.now(), 0
    for station in Station.objects.filter(pk__in=stations_full(), suspended_at=None, retired_at=None):
        try:
            suspended += station_suspend(station=station, reason=FULL, moment=moment)
        except BrokerUnreachable as error:
            Station.objects.filter(pk=station.pk).update(suspended_at=None, suspended_reason="")
            _log.warning("%s could not be suspended on the broker and will be tried again: %s", station.serial, error)
    return suspended


def _lock_and_sum_used(stations: set[int | None]) -> dict[int | None, tuple[int, int]]:
    """Lock these stations' tallies; return messages and bytes that are kept whole, without those that only wait."""
    rows = cursor().execute(
        "SELECT station_id, reason, kept, kept_bytes FROM ingest_quarantinetally "
        "WHERE station_id = ANY(%s::bigint[]) OR (%s AND station_id IS NULL) ORDER BY id FOR UPDATE",
        [numbers([station_id for station_id in stations if station_id is not None]), None in stations],
    )
    used: dict[int | None, tuple[int, int]] = {}
    for station_id, reason, kept, octets in rows.fetchall():
        if reason not in WAITING:
            before = used.get(station_id, (0, 0))
            used[station_id] = before[0] + kept, before[1] + octets
    return used


def _write_tallies(added: dict[tuple[int | None, str], Addition], moment: datetime) -> None:
    # In a fixed order, because two workers may create the same rows.
    keys = sorted(added, key=lambda key: (key[0] or 0, key[1]))
    columns: tuple[Iterable[object], ...] = (
        [station_id for station_id, _ in keys],
        [reason for _, reason in keys],
        [added[key].kept for key in keys],
        [added[key].kept_bytes for key in keys],
        [added[key].cut for key in keys],
        [added[key].cut_bytes for key in keys],
        [_sentence(added[key].newest) for key in keys],
        [newest.delivery.body[:_START_BYTES] if (newest := added[key].newest) else b"" for key in keys],
    )
    cursor().execute(
        "INSERT INTO ingest_quarantinetally AS t (station_id, reason, kept, kept_bytes, cut, cut_bytes, first_cut_at, "
        "last_cut_at, sentence, body_start) SELECT n.station_id, n.reason, n.kept, n.kept_bytes, n.cut, n.cut_bytes, "
        "CASE WHEN n.cut > 0 THEN %s END, CASE WHEN n.cut > 0 THEN %s END, n.sentence, n.body_start "
        "FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], "
        "%s::bytea[]) AS n(station_id, reason, kept, kept_bytes, cut, cut_bytes, sentence, body_start) "
        "ON CONFLICT (station_id, reason) DO UPDATE SET kept = t.kept + excluded.kept, "
        "kept_bytes = t.kept_bytes + excluded.kept_bytes, cut = t.cut + excluded.cut, "
        "cut_bytes = t.cut_bytes + excluded.cut_bytes, first_cut_at = coalesce(t.first_cut_at, excluded.first_cut_at), "
        "last_cut_at = coalesce(excluded.last_cut_at, t.last_cut_at), "
        "sentence = CASE WHEN excluded.cut > 0 THEN excluded.sentence ELSE t.sentence END, "
        "body_start = CASE WHEN excluded.cut > 0 THEN excluded.body_start ELSE t.body_start END",
        [moment, moment, *columns],
    )


def _sentence(refusal: Refusal | None) -> str:
    said = refusal.sentence if refusal else ""
    return said.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()[:500]
