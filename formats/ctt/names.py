"""The names of CTT SensorStation files, and the serials of SensorStations.

    CTT-<serial>-<kind>[.<UTC date>_<time>].csv[.gz]

The date is the moment at which the station closed the file. A file without one is still being written, or is the last
of its card. Kinds are `raw-data` and `data` (tags), `node-health` and `node-data`, `gps`, and `blu` (Bluetooth tags);
the columns decide how a file is read, not its kind.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

_COPY = r"(?: ?\(\d{1,3}\)| - Copy(?: \(\d{1,3}\))?| copy(?: \d{1,3})?)?"
_NAME = re.compile(
    r"(?P<serial>CTT-V?[0-9A-F]{6,24})-(?P<kind>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
    rf"(?:\.(?P<day>\d{{4}}-\d\d-\d\d)_(?P<time>\d{{6}}))?{_COPY}\.csv{_COPY}"
    r"(?:\.(?:gz|bz2|xz|lz|lzma|zst|Z))?\Z",
    re.IGNORECASE | re.ASCII,
)
_SERIAL = re.compile(r"CTT-V?[0-9A-F]{6,24}\Z", re.IGNORECASE | re.ASCII)
#: Kinds that are not read; `formats.sensorgnome.names` says why.
_NOT_READ = frozenset({"log", "telemetry"})


class CttName(NamedTuple):
    """The parts of a file name. `closed` is in microseconds since 1970 UTC, 0 if the name has no valid date."""

    name: str
    closed: int
    serial: str
    kind: str
    #: The name has a date, so the station has closed the file.
    is_closed: bool


def ctt_name_parse(name: str) -> CttName | None:
    """The parts of a file's name, or None if it is not the name of a readable SensorStation file."""
    match = _NAME.match(name)
    if match is None or match["kind"].lower() in _NOT_READ:
        return None
    serial, kind = match["serial"].upper(), match["kind"].lower()
    if match["day"] is None:
        return CttName(f"{serial}-{kind}.csv", 0, serial, kind, is_closed=False)
    try:
        moment = datetime.strptime(f"{match['day']} {match['time']}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        closed = 0
    else:
        closed = int(moment.timestamp()) * 1_000_000
    return CttName(f"{serial}-{kind}.{match['day']}_{match['time']}.csv", closed, serial, kind, is_closed=True)


def ctt_serial_key(serial: str) -> str:
    """A SensorStation's serial in comparable form; empty for any other serial."""
    return serial.upper() if _SERIAL.match(serial) else ""
