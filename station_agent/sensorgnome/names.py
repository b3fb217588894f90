"""The names of Sensorgnome data files, of every era, taken apart.

    <label>-<serial>-<boot count>-<UTC start><clock code>-<source>.txt[.gz]

V1, early V2 and current V2 differ in label and boot count only; both are taken as they come (a boot count of `NaN`
exists). Clock codes: P not synchronised, Z 1 s, Y 0.1 s, X 0.01 s, W 1 ms, V and U finer, T 1 us.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

_NAME = re.compile(
    r"(?P<head>.+)-(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d-\d\d-\d\d)(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<clock>[P-Z])-(?P<source>[A-Za-z0-9]+)\.txt(?P<gz>\.gz)?\Z"
)


class FileName(NamedTuple):
    """One file name. `name` is without `.gz`, for a file keeps its name when it is compressed.

    `start` is in microseconds since 1970 UTC, 0 when the name's date is none.
    """

    name: str
    start: int
    clock: str
    source: str


def file_name_parse(name: str) -> FileName | None:
    """The parts of a data file's name, or None for a file that is no Sensorgnome data file."""
    match = _NAME.match(name)
    if match is None:
        return None
    try:
        start = datetime.strptime(f"{match['day']} {match['time']}", "%Y-%m-%d %H-%M-%S").replace(tzinfo=UTC)
    except ValueError:
        microseconds = 0
    else:
        fraction = (match["fraction"] or "").ljust(6, "0")[:6]
        microseconds = int(start.timestamp()) * 1_000_000 + int(fraction)
    return FileName(name.removesuffix(".gz"), microseconds, match["clock"], match["source"])
