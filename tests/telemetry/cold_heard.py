"""Months of detections that become cold in tests, with their counts, and what is there afterwards."""

from datetime import datetime, timedelta

import pyarrow.parquet as pq
from django.core.files.storage import storages
from django.db import connection
from telemetry.cold_months import APRIL, FEBRUARY

from fleet.stations.models import Station
from fleet.telemetry.cold.tables import DETECTIONS
from fleet.telemetry.cold_files import ColdFile
from fleet.telemetry.heard.tag_hours import COLUMNS, FROM_ROWS
from fleet.telemetry.models import Detection, DetectionCount, TagHour

_ROWS = f"SELECT {DETECTIONS.listed.replace('also', 'also::text')} FROM telemetry_detection WHERE station_id = %s"
#: Every kind of row: pulses and tags, with and without what only some have, also the texts that are hardest to copy.
_FILL = """
INSERT INTO telemetry_detection (station_id, occurred_at, port, kind, line, received_at, freq, sig, noise, snr, tag, rssi,
    node, is_validated, also, is_used, flags, file_id)
SELECT %(station)s, t - (n %% 3 = 0)::int * interval '1 microsecond', n %% 3 + 1, CASE n %% 5 WHEN 0 THEN 2 ELSE 1 END, n,
    t + interval '90 seconds', CASE WHEN n %% 5 > 0 THEN CASE n %% 7 WHEN 0 THEN -0.0 ELSE round(sin(n)::numeric, 3) END END,
    CASE n %% 11 WHEN 0 THEN 'NaN'::float8 WHEN 1 THEN NULL ELSE -n / 3.0 END, -60.25, CASE WHEN n %% 13 > 0 THEN 7.5 END,
    CASE WHEN n %% 5 = 0 THEN (ARRAY['78664C33', '', E'a,"b"\\n', 'Tür#1', '78664c33'])[n / 5 %% 5 + 1] END,
    CASE WHEN n %% 5 = 0 THEN -90 + n %% 9 END, CASE WHEN n %% 10 = 0 THEN (ARRAY['3B8B1F', ''])[n / 10 %% 2 + 1] END,
    CASE WHEN n %% 10 = 0 THEN n %% 20 = 0 END,
    CASE WHEN n %% 15 = 0 THEN jsonb_build_object('Payload', repeat('ü"', (n %% 40)::int), 'n', 1.00) END,
    n %% 4 > 0, CASE WHEN n %% 17 = 0 THEN 32 ELSE 0 END, CASE WHEN n %% 2 = 0 THEN 7 END
FROM (SELECT t, row_number() OVER (ORDER BY t) AS n FROM generate_series(
    %(start)s::timestamptz, %(end)s::timestamptz - interval '1 second', %(step)s::interval) t) AS moments
"""


def heard_fill(
    station: Station, *, start: datetime = FEBRUARY, end: datetime = APRIL, step: str = "20 minutes"
) -> None:
    """Store detections of every kind, and count them as ingest does."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"station": station.pk, "start": start, "end": end, "step": step})
    counts_make(station)


def counts_make(station: Station) -> None:
    """Count all detections of the table by hour, and by tag."""
    DetectionCount.objects.filter(station=station).delete()
    TagHour.objects.filter(station=station).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_detectioncount (station_id, hour, port, kind, count) SELECT station_id, "
            "date_trunc('hour', occurred_at, 'UTC'), port, kind, count(*) FROM telemetry_detection "
            "WHERE station_id = %s GROUP BY 1, 2, 3, 4",
            [station.pk],
        )
        rows = FROM_ROWS.format(rows="telemetry_detection", where="AND d.station_id = %s")
        cursor.execute(f"INSERT INTO telemetry_taghour ({COLUMNS}) {rows}", [station.pk])


def counts_of(station: Station) -> list:
    """All counts of a station."""
    return [
        sorted(DetectionCount.objects.filter(station=station).values_list("hour", "port", "kind", "count")),
        sorted(
            TagHour.objects.filter(station=station).values_list("hour", "port", "tag", "count", "first_at", "strongest")
        ),
    ]


def late_hear(station: Station, at: datetime, *, like: Detection | None = None, **fields) -> None:
    """Store a late detection, as a copy of another one if given, and count it as ingest does, which sees no cold row."""
    same = {} if like is None else {name: getattr(like, name) for name in DETECTIONS.names if name != "received_at"}
    row = {"port": 1, "kind": 1, "line": 1_000_000, **same, "received_at": at + timedelta(days=200), **fields}
    one = Detection(**row | {"station_id": station.pk, "occurred_at": at})
    one.save(force_insert=True)
    hour = at.replace(minute=0, second=0, microsecond=0)
    counted, _is_new = DetectionCount.objects.get_or_create(
        station=station, hour=hour, port=one.port, kind=one.kind, defaults={"count": 0}
    )
    DetectionCount.objects.filter(pk=counted.pk).update(count=counted.count + 1)
    if one.kind == Detection.Kind.TAG and one.tag is not None:
        tag, _is_new = TagHour.objects.get_or_create(
            station=station, hour=hour, port=one.port, tag=one.tag,
            defaults={"count": 0, "first_at": at, "last_at": at, "strongest": one.rssi},
        )  # fmt: skip
        TagHour.objects.filter(pk=tag.pk).update(count=tag.count + 1)


def heard_rows(station: Station) -> list[tuple]:
    """All rows of a station, of the table and of the cold files, sorted; one that is in both is here twice."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [station.pk])
        rows = cursor.fetchall()
    for file in ColdFile.objects.filter(state=ColdFile.State.COLD, station=station, kind="detections"):
        with storages[file.place].open(file.name) as opened:
            rows += [tuple(row[name] for name in DETECTIONS.names) for row in pq.read_table(opened).to_pylist()]
    # As text, since NaN is not equal to itself, and -0 is to 0.
    return sorted((*row[:5], str(row[5]), repr(row[6:])) for row in rows)


def hot_heard(station: Station) -> int:
    """Number of rows of the table."""
    return Detection.objects.filter(station=station).count()
