"""Finding lines of a card that are already in the database, by the keys of their rows, however they arrived."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet.core import clock
from fleet.ingest.database import cursor, names, numbers
from fleet.ingest.rows.tables import source_of
from fleet.stations.models import Station
from fleet.telemetry.cold.heard import moments_plan
from fleet.telemetry.cold.reading import NEVER_COLD, ColdPlan, cold_plan, rows_read
from fleet.telemetry.keeping.intervals import interval_sql, station_intervals
from fleet.telemetry.models import Detection, Series, TimeShift
from formats.lines import Fix, Note, RowValues, TagLine
from formats.sensorgnome.lines import Burst, PulseLine
from formats.sensorgnome.messages import Numbered
from formats.sensorgnome.names import FileName
from message_queue.contracts.bursts import BURST_EVENT

_MOMENT = "timestamptz '1970-01-01 00:00:00+00' + %s * interval '1 microsecond'"
_AT = _MOMENT % "k.at"
#: Finds lines that are close in time, nearly all of a chunk: the index is read once for that span.
_NEAR = f"""
SELECT k.line FROM unnest({{columns}}) AS k({{names}})
WHERE EXISTS (SELECT FROM {{table}} r WHERE r.station_id = ANY(%s::bigint[]) AND r.occurred_at = {_AT} AND {{same}}
              AND r.occurred_at BETWEEN {_MOMENT} AND {_MOMENT})
"""  # noqa: S608 - constants
#: Whether there are any rows in that span.
_ANY = f"""
SELECT 1 FROM {{table}} r
WHERE r.station_id = ANY(%s::bigint[]) AND r.occurred_at BETWEEN {_MOMENT} AND {_MOMENT} LIMIT 1
"""  # noqa: S608 - constants
#: Finds lines with other times, as from a wrong clock, by one index probe each. A join would read all rows.
_FAR = f"""
SELECT k.line FROM unnest({{columns}}) AS k({{names}})
CROSS JOIN LATERAL (SELECT FROM {{table}} r WHERE r.station_id = ANY(%s::bigint[]) AND r.occurred_at = {_AT} AND {{same}}
                    LIMIT 1) AS found
"""  # noqa: S608 - constants
_DETECTIONS = {
    "table": "telemetry_detection",
    "columns": "%s::bigint[], %s::int[], %s::int[], %s::int[]",
    "names": "at, port, kind, line",
    "same": "r.port = k.port AND r.kind = k.kind AND r.line = k.line",
}
_POSITIONS = {
    "table": "telemetry_position",
    "columns": "%s::bigint[], %s::int[]",
    "names": "at, line",
    "same": "r.line = k.line AND r.source = %s",
}
_EVENTS = {
    "table": "telemetry_stationevent",
    "columns": "%s::bigint[], %s::text[], %s::int[]",
    "names": "at, name, line",
    "same": "r.name = k.name AND r.line = k.line AND r.source = %s",
}
_BEGIN, _END = interval_sql(f"({_AT})", "i.seconds")
#: The second EXISTS is for series that store one reading in each interval, and have one in this interval.
_READINGS = f"""
SELECT k.line FROM unnest(%s::bigint[], %s::text[], %s::float8[], %s::int[]) AS k(at, name, value, line)
GROUP BY k.line HAVING bool_and(EXISTS (
    SELECT FROM telemetry_series s JOIN {{rows}} r ON r.series_id = s.id
    WHERE s.station_id = ANY(%s::bigint[]) AND s.name = k.name
      AND r.occurred_at >= {_AT} AND r.occurred_at < {_AT} + interval '1 millisecond'
      AND (r.value = k.value OR r.sent_value = k.value))
  OR EXISTS (
    SELECT FROM unnest(%s::bigint[], %s::int[]) AS i(id, seconds) JOIN telemetry_series s ON s.id = i.id
    JOIN {{rows}} r ON r.series_id = s.id AND r.occurred_at >= {_BEGIN} AND r.occurred_at < {_END}
    WHERE s.name = k.name))
"""  # noqa: S608 - a constant
#: Texts among figures are stored as events without a file; a text that only repeats the last one is not sent.
_TEXTS = f"""
SELECT k.line FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[]) AS k(at, name, said, line)
GROUP BY k.line HAVING bool_and(k.said IS NOT DISTINCT FROM (
    SELECT e.data ->> 'text' FROM telemetry_stationevent e
    WHERE e.station_id = ANY(%s::bigint[]) AND e.name = k.name AND e.line = 0 AND e.source = ''
      AND e.occurred_at < {_AT} + interval '1 millisecond' AND e.occurred_at > {_AT} - interval '31 days'
    ORDER BY e.occurred_at DESC LIMIT 1))
"""  # noqa: S608 - a constant
_DAY_US = 86_400_000_000
#: Times this close to that of the middle line are near.
_NEAR_US = _DAY_US
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_IN_LEDGER = """
SELECT k.seq FROM unnest(%s::bigint[]) AS k(seq)
WHERE EXISTS (SELECT FROM telemetry_streamledger l
              WHERE l.station_id = %s AND l.stream = %s AND l.received @> k.seq)
"""
_COUNTED = """
SELECT l.stream, (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.received) r)::bigint
FROM telemetry_streamledger l WHERE l.station_id = %s AND l.stream = ANY(%s::text[])
"""


def numbers_counted(station: Station, streams: Iterable[str]) -> dict[str, int]:
    """How many numbers of each stream the ledger has; unknown streams are left out."""
    return dict(cursor().execute(_COUNTED, [station.pk, names(streams)]).fetchall())


def numbers_known(station: Station, stream: str, seqs: Iterable[int]) -> set[int]:
    """The numbers among these that the ledger has."""
    return {seq for (seq,) in cursor().execute(_IN_LEDGER, [numbers(seqs), station.pk, stream])}


def stations_of_serial(station: Station) -> list[int]:
    """Ids of the station and of those that had its serial before: older lines are theirs."""
    ids = [station.pk]
    before = station.predecessor
    while before is not None and before.pk not in ids:
        ids.append(before.pk)
        before = before.predecessor
    return ids


def lines_known(station_ids: Sequence[int], lines: Iterable[Numbered], name: FileName) -> set[int]:
    """Numbers of the lines whose rows are in the database. At most a dozen queries, for the lines of one chunk.

    A line of figures is known if all its numbers are known, or if all its texts are and it has no numbers. A line with
    neither cannot miss anything, so it is known. A number that a rule would keep back, because its interval has another
    one, counts as known. A position is known by its time and line, not its coordinates.
    """
    heard: list[tuple[int, int, int, int]] = []
    fixes: list[tuple[int, int]] = []
    events: list[tuple[int, str, int]] = []
    health: list[tuple[int, int, RowValues]] = []
    pulse, tag = Detection.Kind.PULSE.value, Detection.Kind.TAG.value
    for row in lines:
        match row.line:
            case PulseLine() as one:
                heard.append((row.at, one.port, pulse, row.number))
            case TagLine() as coded:
                heard.append((row.at, coded.port, tag, row.number))
            case Fix():
                fixes.append((row.at, row.number))
            case RowValues() as said:
                health.append((row.at, row.number, said))
            case Burst():
                events.append((row.at, BURST_EVENT, row.number))
            case Note(name=event):
                events.append((row.at, event, row.number))
    ids, source = numbers(station_ids), [source_of(name.name)]
    found = _rows_known(_POSITIONS, fixes, ids, source) | _rows_known(_EVENTS, events, ids, source)
    if heard:
        times = [key[0] for key in heard]
        first, last = _moment_of(min(times)), _moment_of(max(times))
        found |= rows_read(
            lambda: moments_plan(station_ids, first, last, lambda: map(_moment_of, times)),
            lambda rows: _rows_known({**_DETECTIONS, "table": rows}, heard, ids, []),
        )
    return found | _health_known(station_ids, health)


def _rows_known(table: dict[str, str], keys: Sequence[tuple[Any, ...]], ids: Any, more: list[str]) -> set[int]:
    """Line numbers (the last value) of the keys that have rows. Keys begin with the time in microseconds."""
    if not keys:
        return set()
    times = sorted([key[0] for key in keys])
    middle = times[len(times) // 2]
    near, far = keys, list[tuple[Any, ...]]()
    if times[-1] - middle > _NEAR_US or middle - times[0] > _NEAR_US:
        near = [key for key in keys if abs(key[0] - middle) <= _NEAR_US]
        far = [key for key in keys if abs(key[0] - middle) > _NEAR_US]
    span = [min(near)[0], max(near)[0]]
    found = set[int]()
    # Most cards bring only new lines, so one query usually answers for all of them.
    if cursor().execute(_ANY.format(**table).encode(), [ids, *span]).fetchone() is not None:
        found |= {
            line for (line,) in cursor().execute(_NEAR.format(**table).encode(), [*_columns(near), ids, *more, *span])
        }
    if far:
        found |= {line for (line,) in cursor().execute(_FAR.format(**table).encode(), [*_columns(far), ids, *more])}
    return found


def _moment_of(microseconds: int) -> datetime:
    return _FIRST + timedelta(microseconds=microseconds)


def _columns(keys: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [list(column) if isinstance(column[0], str) else numbers(column) for column in zip(*keys, strict=True)]


def _health_known(station_ids: Sequence[int], rows: Sequence[tuple[int, int, RowValues]]) -> set[int]:
    ids = numbers(station_ids)
    figures = [
        (at, one.name, one.value, line) for at, line, row in rows for one in row.figures if one.value is not None
    ]
    numbered = {line for _at, _name, _value, line in figures}
    texts = [
        (at, one.name, one.text, line)
        for at, line, row in rows
        for one in row.figures
        if one.text and line not in numbered
    ]
    found = {line for _at, line, _row in rows}
    if figures:
        at, named, values, line = zip(*figures, strict=True)
        intervals = station_intervals(station_ids)
        of_intervals = [numbers([one[0] for one in intervals]), numbers([one[1] for one in intervals])]
        arguments = [numbers(at), list(named), list(values), numbers(line), ids, *of_intervals]
        found -= set(line) - rows_read(
            lambda: _cold_plan(station_ids, at),
            lambda rows: {row[0] for row in cursor().execute(_READINGS.format(rows=rows).encode(), arguments)},
        )
    if texts:
        moments, named, said, line = zip(*texts, strict=True)
        asked = [numbers(moments), list(named), list(said), numbers(line), ids]
        found -= set(line) - {row[0] for row in cursor().execute(_TEXTS, asked)}
    return found


def _cold_plan(station_ids: Sequence[int], at: Iterable[int]) -> ColdPlan:
    """Cold files that may hold figures of these moments, in microseconds; by days, in case some clocks were wrong."""
    days = sorted({moment // _DAY_US for moment in at})
    spans = [(_FIRST + timedelta(days=day), _FIRST + timedelta(days=day + 1, milliseconds=1)) for day in days]
    if not spans or spans[0][0] >= clock.now() - NEVER_COLD:
        return ColdPlan()
    series = Series.objects.filter(station__in=station_ids).order_by("pk").values_list("pk", flat=True)
    return cold_plan(list(series), spans)


def offsets_of(station_ids: Sequence[int]) -> list[int]:
    """Microseconds by which rows of these stations were moved to the right time."""
    made = TimeShift.objects.filter(station__in=station_ids, undone_at=None)
    return list(made.order_by().values_list("offset_us", flat=True).distinct())


def lines_corrected(
    station_ids: Sequence[int], lines: Sequence[Numbered], name: FileName, offsets: Iterable[int]
) -> set[int]:
    """Numbers of the lines whose rows are in the database at a corrected time. Nearly no station has any."""
    found = set[int]()
    for offset in offsets:
        found |= lines_known(station_ids, [row._replace(at=row.at + offset) for row in lines], name)
    return found
