"""Parts of a package with readings or detections in cold storage: these are loaded on the connection that reads a part.

A month may move to cold storage between two statements. So the list of files and the rows of the table come from one
snapshot; the files themselves stay for days after they are replaced.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg

from fleet.core import clock
from fleet.exports.parts import PackagePart
from fleet.telemetry.cold.heard import heard_plan_of
from fleet.telemetry.cold.reading import NEVER_COLD, ColdPlan, cold_load_into, cold_plan_of
from fleet.telemetry.cold.rows import cold_table_make

#: Read-write only because of the temporary table.
BEGIN: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE"


@dataclass(frozen=True, slots=True)
class PartCold:
    """The cold files of a part, and the name of the snapshot with which to read the table."""

    plan: ColdPlan
    snapshot: str


@contextmanager
def part_rows(reader: psycopg.Connection, kind: str, part: PackagePart) -> Iterator[str]:
    """The source of a part's rows, for statements on this connection; empty if that is just the table."""
    with part_cold(reader, kind, part) as found:
        if found is None:
            yield ""
            return
        with reader.cursor() as cursor:
            cold_table_make(cursor, found.plan.table)
            cold_load_into(cursor, found.plan)
        yield found.plan.table.both


@contextmanager
def part_cold(reader: psycopg.Connection, kind: str, part: PackagePart) -> Iterator[PartCold | None]:
    """The cold files of a part, in a snapshot that other connections can use in the block; None if there are none."""
    series = [number for number, _name, _unit in part.station.series]
    if not (kind == "detections" or (kind == "readings" and series)) or part.start >= clock.now() - NEVER_COLD:
        yield None
        return
    span = [(part.start, part.end)]
    with reader.cursor() as cursor:
        cursor.execute(BEGIN)
        try:
            if kind == "detections":
                plan = heard_plan_of(cursor.execute, cursor.fetchall, [part.station.pk], span)
            else:
                plan = cold_plan_of(cursor.execute, cursor.fetchall, series, span)
            row = cursor.execute("SELECT pg_export_snapshot()").fetchone() if plan.files else None
            yield PartCold(plan, row[0]) if row else None
        finally:
            cursor.execute("ROLLBACK")
