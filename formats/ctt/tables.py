"""The tables in CTT SensorStation files, recognised by their heading. Order and number of columns differ by firmware.

    V1 tags         Time,RadioId,TagId,TagRSSI,NodeId
    V2 tags         … ,Validated
    V1 node health  Time,RadioId,NodeId,NodeRSSI,Battery,Celsius
    V2 node health  … ,RecordedAt,Firmware,SolarVolts,SolarCurrent,CumulativeSolarCurrent,Latitude,Longitude
    V1 positions    recorded at,gps at,latitude,longitude,altitude,quality
    V2 positions    … ,mean lat,mean lng,n fixes
    V3 Bluetooth    UsbPort,BluRadioId,RadioId,Time,TagRSSI,TagId,Sync,Product,Revision,NodeId,Payload

Any other column is kept under its own name.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

TableKind = Literal["tags", "bluetooth", "health", "positions"]

#: A line with one of these columns is a heading. No field of a row is such a word.
_TIMES = ("time", "recordedat", "receivedat")
#: Other spellings that stations have used.
_SAME = {"celcius": "celsius", "nodeid": "node", "tagid": "tag", "radioid": "radio", "lng": "longitude"}
_NEEDED: tuple[tuple[TableKind, frozenset[str]], ...] = (
    ("bluetooth", frozenset({"time", "tag", "usbport"})),
    ("tags", frozenset({"time", "tag", "radio"})),
    ("health", frozenset({"time", "node", "battery"})),
    ("positions", frozenset({"recordedat", "latitude", "longitude"})),
)
_COLUMNS_MOST = 64


class Table(NamedTuple):
    """A heading that was understood. `columns` are comparable names, `titles` has each one's name as in the file."""

    kind: TableKind
    columns: tuple[str, ...]
    titles: dict[str, str]


def is_heading(fields: list[str]) -> bool:
    """Whether these fields are names of columns."""
    return any(_plain(field) in _TIMES for field in fields)


@lru_cache(256)
def table_of(heading: str) -> Table | None:
    """The table under a heading; None if a needed column is missing, or two have the same name."""
    titles = tuple(field.strip().strip('"') for field in heading.split(","))
    columns = tuple(_SAME.get(name, name) for name in map(_plain, titles))
    if len(columns) > _COLUMNS_MOST or len(set(columns)) != len(columns) or "" in columns:
        return None
    here = set(columns)
    kind = next((kind for kind, needed in _NEEDED if needed <= here), None)
    return None if kind is None else Table(kind, columns, dict(zip(columns, titles, strict=True)))


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())
