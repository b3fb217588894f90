"""The tables whose rows go to cold storage, readings and detections, with their SQL and their types in Arrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

#: How a column is compared and hashed if plain comparison would miss a difference, such as -0 and 0, or 1.0 and 1.00.
_BY_BYTES: Final = {"float": "float8send({})", "json": "{}::text"}


@dataclass(frozen=True, eq=False)
class ColdTable:
    """One table: its columns, and SQL for the rows of a station that retention keeps."""

    #: As in `ColdFile.kind`, and the folder of its files.
    kind: str
    folder: str
    #: The table of rows that are not cold, and the temporary one for rows of cold files.
    hot: str
    cold: str
    #: The column of the row's series or station, the first of the key. Files are sorted by the key.
    owner: str
    key: tuple[str, ...]
    #: Names and kinds of the columns.
    columns: tuple[tuple[str, str], ...]
    #: Columns that rise by nearly the same step.
    rising: tuple[str, ...]
    #: FROM and WHERE of a station's rows `h` of the table that retention has not removed.
    kept: str
    #: WHERE of rows `c` of cold files that retention has removed.
    expired: str
    #: Stations with rows in a span of time that may become cold, by one probe of an index each.
    found: str
    #: Station and month of files with rows that retention has removed.
    shrinking: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(name for name, _kind in self.columns)

    @cached_property
    def listed(self) -> str:
        """The names of the columns, separated by commas."""
        return ", ".join(self.names)

    @cached_property
    def both(self) -> str:
        """Cold rows and the table's rows as one source; of two rows with one key, only the cold one."""
        return (
            f"(SELECT {self.listed} FROM {self.cold} UNION ALL SELECT {self.listed} FROM {self.hot} h "  # noqa: S608 - our own names
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.cold} c WHERE {self.same_key('c', 'h')}))"
        )

    @cached_property
    def checksum(self) -> str:
        """SQL of the number of cold rows and the sum of their hashes."""
        row = ", ".join(_BY_BYTES.get(kind, "{}").format(name) for name, kind in self.columns)
        return f"SELECT count(*), coalesce(sum(hash_record_extended(ROW({row}), 0)), 0)::text FROM {self.cold}"  # noqa: S608

    def same_key(self, one: str, other: str) -> str:
        """Condition: two rows have the same key."""
        return " AND ".join(f"{one}.{name} = {other}.{name}" for name in self.key)

    def figures(self, row: str) -> str:
        """SQL of all columns but the key; two rows compare equal only if all their bytes are."""
        return ", ".join(
            _BY_BYTES.get(kind, "{}").format(f"{row}.{name}") for name, kind in self.columns if name not in self.key
        )

    def arrow_types(self) -> dict[str, Any]:
        """The type of each column in Arrow."""
        import pyarrow as pa  # noqa: PLC0415 - the site does not load Arrow

        kinds: Mapping[str, Any] = {
            "id": pa.int64(), "integer": pa.int32(), "short": pa.int16(), "moment": pa.timestamp("us", "UTC"),
            "float": pa.float64(), "boolean": pa.bool_(), "text": pa.string(), "json": pa.string(),
        }  # fmt: skip
        return {name: kinds[kind] for name, kind in self.columns}

    def arrow_schema(self) -> pa.Schema:
        """The columns of a cold file."""
        import pyarrow as pa  # noqa: PLC0415 - as above

        return pa.schema(list(self.arrow_types().items()))


READINGS: Final = ColdTable(
    kind="readings",
    folder="cold",
    hot="telemetry_reading",
    cold="cold_reading",
    owner="series_id",
    key=("series_id", "occurred_at"),
    columns=(
        *(("series_id", "id"), ("occurred_at", "moment"), ("received_at", "moment"), ("value", "float")),
        *(("flags", "short"), ("sent_value", "float"), ("sent_unit", "text")),
        *(("shift_id", "id"), ("flags_before", "short")),
    ),
    rising=("occurred_at", "received_at"),
    kept=(
        "telemetry_series s JOIN telemetry_reading h ON h.series_id = s.id WHERE s.station_id = %(station)s "
        "AND (s.raw_from IS NULL OR h.occurred_at >= s.raw_from)"
    ),
    expired=(
        "NOT EXISTS (SELECT 1 FROM telemetry_series s WHERE s.id = c.series_id "
        "AND (s.raw_from IS NULL OR c.occurred_at >= s.raw_from))"
    ),
    found="""
SELECT DISTINCT s.station_id FROM telemetry_series s JOIN stations_station t ON t.id = s.station_id
WHERE t.deleted_at IS NULL AND EXISTS (
    SELECT 1 FROM telemetry_reading r
    WHERE r.series_id = s.id AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s
    AND (s.raw_from IS NULL OR r.occurred_at >= s.raw_from))
ORDER BY 1
""",
    shrinking="""
SELECT DISTINCT f.station_id, f.month FROM telemetry_coldpart p JOIN telemetry_coldfile f ON f.id = p.file_id
JOIN telemetry_series s ON s.id = p.series_id WHERE f.state = 'cold' AND p.first_at < s.raw_from
""",
)

DETECTIONS: Final = ColdTable(
    kind="detections",
    folder="cold/detections",
    hot="telemetry_detection",
    cold="cold_detection",
    owner="station_id",
    key=("station_id", "occurred_at", "port", "kind", "line"),
    columns=(
        *(("station_id", "id"), ("occurred_at", "moment"), ("port", "short"), ("kind", "short"), ("line", "integer")),
        *(("received_at", "moment"), ("freq", "float"), ("sig", "float"), ("noise", "float"), ("snr", "float")),
        *(("tag", "text"), ("rssi", "float"), ("node", "text"), ("is_validated", "boolean"), ("also", "json")),
        *(("is_used", "boolean"), ("flags", "short"), ("file_id", "id"), ("shift_id", "id"), ("flags_before", "short")),
    ),
    rising=("occurred_at", "received_at", "line"),
    kept=(
        "telemetry_detection h WHERE h.station_id = %(station)s AND NOT EXISTS ("
        "SELECT 1 FROM telemetry_cleareddetections k WHERE k.station_id = h.station_id AND h.occurred_at < k.before)"
    ),
    expired=(
        "EXISTS (SELECT 1 FROM telemetry_cleareddetections k WHERE k.station_id = c.station_id "
        "AND c.occurred_at < k.before)"
    ),
    found="""
SELECT t.id FROM stations_station t LEFT JOIN telemetry_cleareddetections k ON k.station_id = t.id
WHERE t.deleted_at IS NULL AND EXISTS (
    SELECT 1 FROM telemetry_detection r
    WHERE r.station_id = t.id AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s
    AND (k.before IS NULL OR r.occurred_at >= k.before))
ORDER BY 1
""",
    shrinking="""
SELECT f.station_id, f.month FROM telemetry_coldfile f JOIN telemetry_cleareddetections k ON k.station_id = f.station_id
WHERE f.kind = 'detections' AND f.state = 'cold' AND f.first_at < k.before
""",
)

TABLES: Final[Mapping[str, ColdTable]] = {table.kind: table for table in (READINGS, DETECTIONS)}
