"""The feed: the rows that arrived for an organization, in an order that no late commit can disturb.

Ingest writes a note in the transaction of the rows. Rows and notes get their ids and moments before the commit, so a
cursor over those would skip rows that commit later. Notes are therefore read in the order of their transactions' ids,
and only up to the oldest transaction that still runs: all earlier ones have ended, and no later one gets a smaller id.

A note has the series, the hours and the common moment of receipt of its rows; the rows themselves are read from their
table, and from cold storage if they are there by then. Detections are in `fleet.forward.heard`.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.spoken import stamp_words
from fleet.forward.models import Forwarder, ForwardNote
from fleet.telemetry.cold.reading import NEVER_COLD, cold_plan, rows_read
from fleet.telemetry.cold.tables import READINGS
from fleet.telemetry.models import Suspicion

T = TypeVar("T")

#: Maximum notes, and hours of series in them, that make one chunk.
CHUNK_NOTES, CHUNK_HOURS = 200, 5_000
#: Hours of series that one query reads; fewer if some may be cold, because these are read from files.
_SLICE, _SLICE_COLD = 100, 20
#: Beyond these, an organization's oldest notes are removed, and forwarders that still want them stop.
KEPT: Final = timedelta(days=30)
NOTES_MOST: Final = 1_000_000
_HOUR_S = 3_600
_Y2000_S = 946_684_800
_Y2000 = datetime(2000, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)

# The inner LIMIT forces a lookup by key for each hour, whatever the planner believes about the table.
_ROWS = """
SELECT r.series_id, r.occurred_at, r.received_at, r.value, r.flags
FROM unnest(%(series)s::bigint[], %(hours)s::int[]) AS p(series_id, hour)
CROSS JOIN LATERAL (
    SELECT * FROM {source} r WHERE r.series_id = p.series_id
    AND r.occurred_at >= timestamptz '2000-01-01 00:00:00+00' + p.hour * interval '1 hour'
    AND r.occurred_at < timestamptz '2000-01-01 00:00:00+00' + (p.hour + 1) * interval '1 hour'
    AND (r.series_id, r.occurred_at) > (%(after)s, %(at)s::timestamptz)
    AND r.received_at = ANY(%(moments)s::timestamptz[]) ORDER BY r.occurred_at LIMIT %(most)s
) r
ORDER BY 1, 2 LIMIT %(most)s
"""
# As `READINGS.both`, but with a different value that came late for the moment of a cold row: the nightly job will store
# it at a moment of its own, which the feed would not read again. A repeat of a cold row stays out, as it does at night.
_LATE = f"""(SELECT {READINGS.listed} FROM {READINGS.cold} UNION ALL
    SELECT {READINGS.listed} FROM {READINGS.hot} h WHERE NOT EXISTS (
        SELECT 1 FROM {READINGS.cold} c WHERE c.series_id = h.series_id AND c.value = h.value
        AND c.occurred_at > h.occurred_at - interval '1 millisecond'
        AND c.occurred_at < h.occurred_at + interval '1 millisecond'
        AND (c.occurred_at = h.occurred_at OR (c.flags | h.flags) & {Suspicion.SAME_MOMENT.value} <> 0)))
"""  # noqa: S608 - our own names
# The snapshot, and with it the newest transaction that counts, is taken before the running transactions are read: one
# that is in neither has ended. The snapshot's own oldest transaction would also wait for other databases of the server.
_SETTLED = """
SELECT s.top - coalesce(max(r.before), 0) FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS top) s
LEFT JOIN LATERAL (
    SELECT (s.top - a.backend_xid::text::bigint) & 4294967295 AS before FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid()
) r ON r.before < 2147483648
GROUP BY s.top
"""


class StoredRow(NamedTuple):
    """A reading as it is stored."""

    series_id: int
    occurred_at: datetime
    received_at: datetime
    value: float
    flags: int


class FeedChunk(NamedTuple):
    """Some notes: where they end, their hours of series and of stations, in order, and their moments of receipt."""

    upto: tuple[int, int]
    hours: Sequence[tuple[int, int]]
    heard: Sequence[tuple[int, int]]
    moments: Sequence[datetime]


def feed_start() -> int:
    """The place in the feed at which a forwarder that is added now begins to read."""
    with connection.cursor() as cursor:
        return _settled(cursor)


def chunk_next(forwarder: Forwarder) -> FeedChunk | None:
    """The notes that are being sent, or the next ones; None if no further ones are known to be complete."""
    after = (forwarder.after_xact, forwarder.after_id)
    if forwarder.upto_xact is not None and forwarder.upto_id is not None:
        return _chunk(forwarder, after, (forwarder.upto_xact, forwarder.upto_id))
    with connection.cursor() as cursor:
        settled = _settled(cursor)
        cursor.execute(
            "SELECT xact, id, cardinality(series_ids) + coalesce(cardinality(station_ids), 0) "
            "FROM forward_forwardnote WHERE organization_id = %s "
            "AND (xact, id) > (%s, %s) AND xact < %s ORDER BY xact, id LIMIT %s",
            [forwarder.organization_id, *after, settled, CHUNK_NOTES],
        )
        found = cursor.fetchall()
    if not found:
        return None
    hours, upto = 0, found[0][:2]
    for xact, number, count in found:
        hours += count
        if hours > CHUNK_HOURS:
            break
        upto = (xact, number)
    return _chunk(forwarder, after, upto)


def chunk_rows(chunk: FeedChunk, *, series: int | None, moment: datetime | None, most: int) -> list[StoredRow]:
    """At most `most` readings of a chunk after this row, in order of series and time. Raises `Unavailable`."""
    found: list[StoredRow] = []
    since = (series or 0, moment or _EARLIEST)
    hours = [one for one in chunk.hours if series is None or one >= (series, _hour_of(since[1]))]
    for some in slices(hours, is_old=any(moment_of_hour(one[1]) < clock.now() - NEVER_COLD for one in hours)):
        found += _rows_of_hours(some, chunk.moments, since, most - len(found))
        if len(found) >= most:
            break
        if found:
            since = (found[-1].series_id, found[-1].occurred_at)
    return found


def stored_after(
    *, series_id: int, after: datetime | None, start: datetime, end: datetime, most: int
) -> list[StoredRow]:
    """Readings of one series between two moments of the station's clock and later than `after`, in order of time.

    Raises `Unavailable`.
    """

    def ask(source: str) -> list[StoredRow]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT series_id, occurred_at, received_at, value, flags FROM {source} r WHERE series_id = %s "  # noqa: S608 - our own names
                "AND occurred_at >= %s AND occurred_at < %s AND (%s::timestamptz IS NULL OR occurred_at > %s) "
                "ORDER BY occurred_at LIMIT %s",
                [series_id, start, end, after, after, most],
            )
            return [StoredRow(*row) for row in cursor.fetchall()]

    # One more, because the row that was done last is read again.
    return rows_read(lambda: cold_plan([series_id], [(after or start, end)]), ask, most=most + 1)


def stored_at(keys: Collection[tuple[int, datetime]]) -> dict[tuple[int, datetime], StoredRow]:
    """The readings with these keys, as far as they are still there. Raises `Unavailable`."""
    found: list[StoredRow] = []
    for some in slices(sorted(keys), is_old=any(key[1] < clock.now() - NEVER_COLD for key in keys)):
        found += _rows_with_keys(some)
    return {(row.series_id, row.occurred_at): row for row in found}


def slices(items: Sequence[T], *, is_old: bool) -> Iterator[Sequence[T]]:
    """Parts of some hours or keys for one query each: small ones if cold files may have to be read."""
    size = _SLICE_COLD if is_old else _SLICE
    return (items[begin : begin + size] for begin in range(0, len(items), size))


def moment_of_hour(hour: int) -> datetime:
    """The beginning of an hour since 2000."""
    return _Y2000 + timedelta(hours=hour)


def waiting_since(forwarders: Collection[Forwarder]) -> dict[int, datetime]:
    """When the oldest note that a forwarder has yet to send was written, by forwarder; only those with any."""
    if not forwarders:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.id, n.noted_at FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) "
            "AS f(id, organization_id, xact, note) CROSS JOIN LATERAL (SELECT noted_at FROM forward_forwardnote n "
            "WHERE n.organization_id = f.organization_id AND (n.xact, n.id) > (f.xact, f.note) "
            "ORDER BY n.xact, n.id LIMIT 1) n",
            [
                [one.pk for one in forwarders],
                [one.organization_id for one in forwarders],
                [one.after_xact for one in forwarders],
                [one.after_id for one in forwarders],
            ],
        )
        return dict(cursor.fetchall())


@transaction.atomic
def feed_renumber() -> int:
    """Make places in the feed valid again after a restore into a server whose count of transactions is lower.

    Places beyond the present count move below zero, all by the same distance, so they keep their order and come before
    everything new. Returns how many notes moved.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        top = int(cursor.fetchone()[0])
    late = Forwarder.objects.filter(Q(after_xact__gt=top) | Q(upto_xact__gt=top))
    notes = ForwardNote.objects.filter(xact__gt=top)
    if not late.exists() and not notes.exists():
        return 0
    # Nobody sends meanwhile: the lanes' rows are locked.
    list(Forwarder.objects.select_for_update().order_by("pk").values_list("pk"))
    places = [*notes.values_list("xact", flat=True), *late.values_list("after_xact", flat=True)]
    places += [place for place in late.values_list("upto_xact", flat=True) if place is not None]
    distance = max(places) + 1
    Forwarder.objects.filter(upto_xact__gt=top).update(upto_xact=F("upto_xact") - distance)
    Forwarder.objects.filter(after_xact__gt=top).update(after_xact=F("after_xact") - distance)
    return notes.update(xact=F("xact") - distance)


def feed_prune(*, moment: datetime | None = None) -> int:
    """Remove notes that no forwarder wants any more, and stop forwarders too far behind; return how many notes."""
    moment = moment or clock.now()
    gone = 0
    for organization_id in ForwardNote.objects.order_by().values_list("organization_id", flat=True).distinct():
        notes = ForwardNote.objects.filter(organization_id=organization_id)
        ours = Forwarder.objects.filter(organization_id=organization_id, is_fed=True)
        edge = _edge(organization_id, moment)
        if edge is not None:
            _stop_behind(ours, edge, moment)
        done = ours.order_by("after_xact", "after_id").values_list("after_xact", "after_id").first()
        unwanted = Q() if done is None else Q(xact__lt=done[0]) | Q(xact=done[0], id__lte=done[1])
        gone += notes.filter(unwanted).delete()[0]
    return gone


def _chunk(forwarder: Forwarder, after: tuple[int, int], upto: tuple[int, int]) -> FeedChunk:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT received_at, series_ids, hours, coalesce(station_ids, '{}'), coalesce(station_hours, '{}') "
            "FROM forward_forwardnote WHERE organization_id = %s "
            "AND (xact, id) > (%s, %s) AND (xact, id) <= (%s, %s)",
            [forwarder.organization_id, *after, *upto],
        )
        notes: list[tuple[datetime, list[int], list[int], list[int], list[int]]] = cursor.fetchall()
    hours, heard = set[tuple[int, int]](), set[tuple[int, int]]()
    for _received, series, at, stations, heard_at in notes:
        if forwarder.wants_readings:
            hours.update(zip(series, at, strict=True))
        if forwarder.detections != Forwarder.Detections.NONE:
            heard.update(zip(stations, heard_at, strict=True))
    # A reading whose moment is taken is stored microseconds later, perhaps in the next hour.
    hours |= {(series, hour + 1) for series, hour in hours}
    return FeedChunk(upto, sorted(hours), sorted(heard), sorted({note[0] for note in notes}))


def _rows_of_hours(
    hours: Sequence[tuple[int, int]], moments: Sequence[datetime], since: tuple[int, datetime], most: int
) -> list[StoredRow]:
    told: dict[str, Any] = {
        "series": [one[0] for one in hours],
        "hours": [one[1] for one in hours],
        "moments": list(moments),
        "after": since[0],
        "at": since[1],
        "most": most,
    }

    def ask(source: str) -> list[StoredRow]:
        with connection.cursor() as cursor:
            cursor.execute(_ROWS.format(source=_LATE if source == READINGS.both else source), told)
            return [StoredRow(*row) for row in cursor.fetchall()]

    starts = sorted({moment_of_hour(hour) for _series, hour in hours})
    spans = [(start, start + timedelta(hours=1)) for start in starts]
    return rows_read(lambda: cold_plan(sorted({one[0] for one in hours}), spans), ask)


def _rows_with_keys(keys: Sequence[tuple[int, datetime]]) -> list[StoredRow]:
    def ask(source: str) -> list[StoredRow]:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT r.series_id, r.occurred_at, r.received_at, r.value, r.flags FROM {source} r "  # noqa: S608 - our own names
                "JOIN unnest(%s::bigint[], %s::timestamptz[]) AS k(series_id, occurred_at) "
                "USING (series_id, occurred_at)",
                [[key[0] for key in keys], [key[1] for key in keys]],
            )
            return [StoredRow(*row) for row in cursor.fetchall()]

    spans = [(at, at + timedelta(microseconds=1)) for _series, at in keys]
    return rows_read(lambda: cold_plan(sorted({key[0] for key in keys}), spans), ask)


def _edge(organization_id: int, moment: datetime) -> tuple[int, int] | None:
    """The place of the newest note that is too old, or one too many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xact, id FROM forward_forwardnote WHERE organization_id = %s AND noted_at < %s "
            "ORDER BY xact DESC, id DESC LIMIT 1",
            [organization_id, moment - KEPT],
        )
        old = cursor.fetchone()
        cursor.execute(
            "SELECT xact, id FROM forward_forwardnote WHERE organization_id = %s "
            "ORDER BY xact DESC, id DESC OFFSET %s LIMIT 1",
            [organization_id, NOTES_MOST],
        )
        found: list[Any] = [place for place in (old, cursor.fetchone()) if place is not None]
    return max(found) if found else None


def _stop_behind(ours: QuerySet[Forwarder], edge: tuple[int, int], moment: datetime) -> None:
    """Stop forwarders that have not done the notes up to a place, and say since when rows wait."""
    behind = ours.filter(Q(after_xact__lt=edge[0]) | Q(after_xact=edge[0], after_id__lt=edge[1]))
    stopped = list(behind.select_related("organization"))
    since = waiting_since(stopped)
    for one in stopped:
        with translation.override(one.organization.language):
            why = _(
                "It was too far behind. Rows that arrived since %(moment)s were not sent: start it again, and back-fill "
                "from the time at which the oldest of them was measured."
            ) % {"moment": stamp_words(since.get(one.pk, moment))}
        Forwarder.objects.filter(pk=one.pk).update(
            is_fed=False, paused_at=moment, paused_why=why, upto_xact=None, upto_id=None, row_series=None, row_at=None,
            row_detection=None,
        )  # fmt: skip


def _settled(cursor: CursorWrapper) -> int:
    """The id below which all transactions have ended: the next statement sees their rows, if they were committed."""
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute(_SETTLED)
    row = cursor.fetchone()
    return int(row[0])


def _hour_of(moment: datetime) -> int:
    return int((moment.timestamp() - _Y2000_S) // _HOUR_S)
