"""The columns of a data package's files: names, types, units, and how the database gives each of them.

Each column has an expression for text (CSV, NDJSON), which the database writes out. Columns that repeat a few words in
millions of rows also have a `code`: for Parquet the database sends only the word's number, and the words are written
once, as a dictionary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fleet.telemetry.models import Suspicion

ColumnType = Literal["datetime", "string", "number", "integer", "boolean"]
#: For each `code`, the expression for the number that stands for a word in a row; empty: one word for the whole part.
CODES: Final[Mapping[str, str]] = {
    "station": "",
    "deployment": "",
    "series": "r.series_id",
    "unit": "r.series_id",
    "kind": "r.kind",
    "suspicions": "r.flags",
}


@dataclass(frozen=True, slots=True)
class PackageColumn:
    """One column. `text`: its expression in SQL. `is_foreign`: its text was written by a station."""

    name: str
    type: ColumnType
    words: str
    text: str = ""
    unit: str = ""
    code: str = ""
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """One kind of rows: its table (as `r`), the condition that limits it to a station, its order, and its columns."""

    table: str
    owner: str
    order: str
    words: str
    columns: tuple[PackageColumn, ...]


#: One word for each reason to doubt a row, separated by spaces; NULL (nothing) for the many rows without any.
_SUSPICIONS = (
    "CASE WHEN r.flags <> 0 THEN concat_ws(' ', "
    + ", ".join(f"CASE WHEN r.flags & {reason.value} <> 0 THEN '{reason.name.lower()}' END" for reason in Suspicion)
    + ") END"
)
_STATION = PackageColumn("station", "string", "Serial of the station", "{station}", code="station")
_DEPLOYMENT = PackageColumn(
    "deployment",
    "integer",
    "Deployment of the station at that time, as in deployments.csv; empty: none is known",
    "{deployment}",
    code="deployment",
)
_AT = PackageColumn("at", "datetime", "When it was recorded, by the station's clock, UTC", "r.occurred_at")
LOCAL = PackageColumn("local_at", "datetime", "The same on the clock at the place", "r.occurred_at AT TIME ZONE {zone}")
_RECEIVED = PackageColumn("received_at", "datetime", "When it arrived here, UTC", "r.received_at")
_LINE = PackageColumn("line", "integer", "Line in the station's own file", "r.line")
_MARKS = PackageColumn(
    "suspicions",
    "string",
    "Reasons to doubt the row, one word each; empty: none is known",
    _SUSPICIONS,
    code="suspicions",
)
_SOURCE = PackageColumn("source", "string", "Which of the station's files it came from", "r.source", is_foreign=True)

COLUMNS: Final[Mapping[str, Rows]] = {
    "readings": Rows(
        table="telemetry_reading",
        owner="r.series_id = ANY({series_ids})",
        order="r.series_id, r.occurred_at",
        words="Readings: one value of a series at one moment",
        columns=(
            _STATION,
            _DEPLOYMENT,
            _AT,
            _RECEIVED,
            PackageColumn("series", "string", "Name of the series", "s.name", code="series"),
            PackageColumn("value", "number", "The value, in the unit of its series", "r.value"),
            PackageColumn("unit", "string", "Unit of the series (SenML)", "s.unit", code="unit"),
            PackageColumn("sent_value", "number", "As the station sent it, if it was converted", "r.sent_value"),
            PackageColumn(
                "sent_unit", "string", "The unit it was sent in, if converted", "r.sent_unit", is_foreign=True
            ),
            _MARKS,
        ),
    ),
    "detections": Rows(
        table="telemetry_detection",
        owner="r.station_id = {station_id}",
        order="r.occurred_at, r.port, r.kind, r.line",
        words="Detections: one pulse or coded tag heard on one port",
        columns=(
            _STATION,
            _DEPLOYMENT,
            _AT,
            _RECEIVED,
            PackageColumn(
                "kind", "string", "pulse or tag", "CASE r.kind WHEN 1 THEN 'pulse' ELSE 'tag' END", code="kind"
            ),
            PackageColumn("port", "integer", "Port of the receiver", "r.port"),
            PackageColumn("tag", "string", "Code of the tag; empty for a pulse", "r.tag", is_foreign=True),
            PackageColumn("freq_kHz", "number", "Offset from the tuned frequency", "r.freq", unit="kHz"),
            PackageColumn("sig_dB", "number", "Signal", "r.sig", unit="dB"),
            PackageColumn("noise_dB", "number", "Noise", "r.noise", unit="dB"),
            PackageColumn("snr_dB", "number", "Signal to noise", "r.snr", unit="dB"),
            PackageColumn("rssi_dBm", "number", "Strength that the radio gave", "r.rssi", unit="dBm"),
            PackageColumn("is_used", "boolean", "Whether the station used the pulse", "r.is_used"),
            PackageColumn(
                "node", "string", "Node that heard the tag; empty: the station itself", "r.node", is_foreign=True
            ),
            PackageColumn("is_validated", "boolean", "Whether the radio checked the tag's checksum", "r.is_validated"),
            PackageColumn(
                "also", "string", "What else the file says in this row, as JSON", "r.also::text", is_foreign=True
            ),
            _LINE,
            _MARKS,
        ),
    ),
    "positions": Rows(
        table="telemetry_position",
        owner="r.station_id = {station_id}",
        order="r.occurred_at, r.line, r.source",
        words="Positions: one GPS fix, or an attempt that got none",
        columns=(
            _STATION,
            _DEPLOYMENT,
            _AT,
            _RECEIVED,
            PackageColumn("latitude", "number", "WGS 84; empty: no fix", "r.latitude", unit="deg"),
            PackageColumn("longitude", "number", "WGS 84; empty: no fix", "r.longitude", unit="deg"),
            PackageColumn(
                "altitude_m", "number", "Above the ellipsoid or the sea, as the receiver says", "r.altitude_m", "m"
            ),
            _SOURCE,
            _LINE,
            _MARKS,
        ),
    ),
    "events": Rows(
        table="telemetry_stationevent",
        owner="r.station_id = {station_id}",
        order="r.occurred_at, r.name, r.line, r.source",
        words="Events: what happened at a station, such as a clock step or a stalled radio",
        columns=(
            _STATION,
            _DEPLOYMENT,
            _AT,
            _RECEIVED,
            PackageColumn("name", "string", "Name of the event", "r.name", is_foreign=True),
            PackageColumn("port", "integer", "Port of the receiver, if it concerns one", "r.port"),
            PackageColumn("data", "string", "What the station said about it, as JSON", "r.data::text"),
            _SOURCE,
            _LINE,
            _MARKS,
        ),
    ),
}


def columns_of(kind: str, *, is_local: bool) -> tuple[PackageColumn, ...]:
    """The columns of a kind in order; with `is_local` also the time on the clock at the place."""
    columns = COLUMNS[kind].columns
    if not is_local:
        return columns
    after = columns.index(_AT) + 1
    return (*columns[:after], LOCAL, *columns[after:])
