"""The delivery ledger in numbers and sentences: which messages arrived, are still on the station, or are lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg.types.range import Range

from fleet.core.spoken import count_words
from fleet.stations.models import Station
from fleet.telemetry.models import FileSummary, UnsequencedCount

#: Prefixes of the streams of replayed files, by the version of the rule that cuts them. A station has thousands, so
#: they are summarized in one line.
FILE_STREAM_PREFIXES = ("f1-", "f2-")
_FILE_STREAMS = "f*"
_RANGES_SHOWN = 20
_STREAMS_SHOWN = 50
_RANGES_SPOKEN = 5


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive missing sequence numbers, from first to last inclusive."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Missing messages: how many, in how many gaps, and the first of these gaps."""

    messages: int
    gaps: int
    first_gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One stream, or all file streams in one line (`streams` is their number; their gaps are not listed)."""

    stream: str
    streams: int
    received: int
    repeats: int
    on_station: Missing
    lost: Missing
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """The ledger of one station. `streams` holds the newest ones; the totals cover all."""

    streams: Sequence[StreamSummary]
    files: StreamSummary | None
    stream_count: int
    received: int
    repeats: int
    on_station: int
    lost: int
    unsequenced: int
    sentences: Sequence[str]
    #: The station's own account of its files, if any.
    file_summary: FileSummary | None = None


#: SQL for the numbers of a stream's row `t` that are neither received nor in a branch that is believed.
MISSING = """int8multirange(int8range(1, greatest(t.next_seq, upper(t.received), 1))) - t.received - coalesce(
    CASE WHEN cardinality(t.runs) > 0 THEN (
        SELECT range_agg(b.received) FROM telemetry_streamledger b
        WHERE b.station_id = t.station_id AND b.branch = 'believed' AND starts_with(b.stream, left(t.stream, 47) || '~')
    ) END, '{}')"""
# Branches are excluded: their messages have not been accepted, and the numbers in between belong to their trunk. Only
# numbers of a believed branch count as received by its trunk. Numbers begin at 1. Numbers below `oldest_seq` are no
# longer on the station and cannot arrive; until the station has reported its oldest number, none counts as lost.
_STREAMS = """
WITH holes AS (
    SELECT stream, received, repeats, first_at, last_at, coalesce(oldest_seq, 1) AS oldest,
           {missing} AS missing,
           left(stream, 3) = ANY(%(files)s) AS is_file
    FROM telemetry_streamledger t WHERE station_id = %(station)s AND branch = ''
), split AS (
    SELECT *, missing * int8multirange(int8range(oldest, NULL)) AS waiting,
           missing * int8multirange(int8range(NULL, oldest)) AS lost
    FROM holes
), counted AS (
    SELECT stream, is_file, repeats, first_at, last_at, waiting, lost,
           (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(received) r) AS received_n,
           (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(waiting) r) AS waiting_n,
           (SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(lost) r) AS lost_n,
           (SELECT count(*) FROM unnest(waiting) r) AS waiting_gaps,
           (SELECT count(*) FROM unnest(lost) r) AS lost_gaps
    FROM split
)
""".replace("{missing}", MISSING)
_LISTED = """
SELECT stream, 1, received_n, repeats, waiting_n, waiting_gaps,
       ARRAY(SELECT r FROM unnest(waiting) r LIMIT %(ranges)s),
       lost_n, lost_gaps, ARRAY(SELECT r FROM unnest(lost) r LIMIT %(ranges)s), first_at, last_at
FROM counted WHERE NOT is_file ORDER BY last_at DESC, stream LIMIT %(streams)s
"""
_FOLDED = """
SELECT is_file, count(*), least(sum(received_n), 9e18)::bigint, least(sum(repeats), 9e18)::bigint,
       least(sum(waiting_n), 9e18)::bigint, least(sum(waiting_gaps), 9e18)::bigint, least(sum(lost_n), 9e18)::bigint,
       least(sum(lost_gaps), 9e18)::bigint, min(first_at), max(last_at)
FROM counted GROUP BY is_file
"""


def ledger_summary(*, station: Station) -> LedgerSummary:
    """Received and missing messages of a station. Three queries, however many streams there are."""
    arguments: dict[str, int | str | list[str]] = {
        "station": station.pk,
        "files": list(FILE_STREAM_PREFIXES),
        "ranges": _RANGES_SHOWN,
        "streams": _STREAMS_SHOWN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STREAMS + _LISTED, arguments)
        streams = [_stream(row) for row in cursor.fetchall()]
        cursor.execute(_STREAMS + _FOLDED, arguments)
        folded = {row[0]: row[1:] for row in cursor.fetchall()}
    files = _files(folded[True]) if True in folded else None
    totals = [sum(row[column] for row in folded.values()) for column in (0, 1, 2, 3, 5)]
    stream_count, received, repeats, on_station, lost = totals
    besides = Station.objects.select_related("unsequenced", "file_summary").get(pk=station.pk)
    counted: UnsequencedCount | None = getattr(besides, "unsequenced", None)
    unsequenced = counted.messages if counted else 0
    everything = [*streams, *([files] if files else [])]
    return LedgerSummary(
        streams=streams,
        files=files,
        stream_count=stream_count,
        received=received,
        repeats=repeats,
        on_station=on_station,
        lost=lost,
        unsequenced=unsequenced,
        sentences=_sentences(
            streams=everything,
            received=received,
            repeats=repeats,
            on_station=on_station,
            lost=lost,
            unsequenced=unsequenced,
        ),
        file_summary=getattr(besides, "file_summary", None),
    )


def _stream(row: tuple[Any, ...]) -> StreamSummary:
    stream, streams, received, repeats, waiting, gaps, ranges, lost, lost_gaps, lost_ranges, first_at, last_at = row
    return StreamSummary(
        stream=stream,
        streams=streams,
        received=received,
        repeats=repeats,
        on_station=Missing(waiting, gaps, _gaps(ranges)),
        lost=Missing(lost, lost_gaps, _gaps(lost_ranges)),
        first_at=first_at,
        last_at=last_at,
    )


def _files(row: tuple[Any, ...]) -> StreamSummary:
    streams, received, repeats, waiting, gaps, lost, lost_gaps, first_at, last_at = row
    return StreamSummary(
        stream=_FILE_STREAMS,
        streams=streams,
        received=received,
        repeats=repeats,
        on_station=Missing(waiting, gaps, ()),
        lost=Missing(lost, lost_gaps, ()),
        first_at=first_at,
        last_at=last_at,
    )


def _gaps(ranges: Iterable[Range[int]]) -> tuple[Gap, ...]:
    # Both bounds are set: a gap lies between 1 and the next number.
    return tuple(Gap(r.lower, r.upper - 1) for r in ranges if r.lower is not None and r.upper is not None)


def _sentences(
    *, streams: Sequence[StreamSummary], received: int, repeats: int, on_station: int, lost: int, unsequenced: int
) -> tuple[str, ...]:
    told: list[str] = []
    if received and not on_station and not lost:
        told.append(
            ngettext(
                "The one numbered message it sent has arrived.",
                "All %(n)s numbered messages it sent have arrived.",
                received,
            )
            % {"n": count_words(received)}
        )
    if on_station:
        told.append(
            ngettext(
                "%(n)s message is missing%(which)s; it is still on the station and will arrive with its next contact.",
                "%(n)s messages are missing%(which)s; they are still on the station and will arrive with its next "
                "contact.",
                on_station,
            )
            % {"n": count_words(on_station), "which": _spoken([s.on_station for s in streams])}
        )
    if lost:
        told.append(
            ngettext(
                "%(n)s message is permanently lost%(which)s: the station no longer has it.",
                "%(n)s messages are permanently lost%(which)s: the station no longer has them.",
                lost,
            )
            % {"n": count_words(lost), "which": _spoken([s.lost for s in streams])}
        )
    if repeats:
        told.append(
            ngettext(
                "%(n)s message arrived twice; the repeat was dropped.", "%(n)s repeated messages were dropped.", repeats
            )
            % {"n": count_words(repeats)}
        )
    if unsequenced:
        told.append(
            ngettext(
                "%(n)s message arrived without a number: it is kept, but a gap would go unnoticed.",
                "%(n)s messages arrived without a number: they are kept, but a gap would go unnoticed.",
                unsequenced,
            )
            % {"n": count_words(unsequenced)}
        )
    return tuple(told) or (_("Nothing has arrived from this station yet."),)


def _spoken(missing: Sequence[Missing]) -> str:
    """The gaps in brackets, if they are few and all in one stream; numbers of different streams would mislead."""
    holed = [entry for entry in missing if entry.messages]
    if len(holed) != 1 or not holed[0].first_gaps or holed[0].gaps > _RANGES_SPOKEN:
        return ""
    spans = (str(g.first) if g.first == g.last else f"{g.first}-{g.last}" for g in holed[0].first_gaps)
    return f" ({', '.join(spans)})"
