"""The lines of CTT SensorStation files: rows of a table, read by the heading above them.

Nothing is read by position alone: a row without a heading, with too many or too few fields, or with an impossible
value is refused whole. Otherwise a truncated row would read `-9` where the station wrote `-96`.
"""

import csv
import math
import re
from datetime import date
from functools import lru_cache

from formats.ctt.tables import Table, is_heading, table_of
from formats.lines import (
    NO_PLACE,
    NO_TABLE,
    ColumnNames,
    Fix,
    LineRead,
    Note,
    RowValue,
    RowValues,
    TagLine,
    line_take,
    unparsed,
)
from message_queue.contracts.readings import RELATIVE_BELOW

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?\Z", re.ASCII)
_TAG = re.compile(r"[0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{2})?\Z", re.ASCII)
_NODE = re.compile(r"[0-9A-Za-z]{1,16}\Z", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?(?:[eE][-+]?\d{1,3})?\Z", re.ASCII)
_MISSING = frozenset({"", "NA", "null", "undefined", "NaN", "nan", "None"})
_FLAGS = {"0": False, "1": True, "false": False, "true": True}
#: Signal strengths that a radio can report, in dBm.
_RSSI_LEAST, _RSSI_MOST = -200.0, 50.0
_TEXT_MOST = 256
_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
#: A Bluetooth receiver's port is 100 times its USB port plus its radio; the station's other radios count up to 12.
_USB = 100
_NO_USB = 900

#: Columns of a node's health with their units (RFC 8428), in the order in which they are sent.
_HEALTH = {
    "battery": ("battery", "V"),
    "celsius": ("temperature", "Cel"),
    "noderssi": ("rssi", "dBm"),
    "solarvolts": ("solar", "V"),
    "solarcurrent": ("solar_current", "mA"),
    "cumulativesolarcurrent": ("solar_current_sum", ""),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "firmware": ("firmware", ""),
    "radio": ("radio", ""),
}
_POSITION = {
    "quality": ("gps/quality", ""),
    "meanlat": ("gps/mean_latitude", "lat"),
    "meanlng": ("gps/mean_longitude", "lon"),
    "nfixes": ("gps/fixes", "count"),
}


#: A row, its heading, or the note of an unreadable line.
CttLine = TagLine | Fix | RowValues | ColumnNames | Note


class _BadRowError(Exception):
    """The row does not fit its table; the message says why."""


def ctt_line_read(raw: bytes, heading: str, *, passed: int = 0) -> LineRead:
    """Read one line, without its line feed, below this heading."""
    read = line_take(raw, lambda text: ctt_line_parse(text, heading), passed=passed)
    return read._replace(has_no_data=True) if isinstance(read.line, ColumnNames) else read


def ctt_line_parse(text: str, heading: str) -> CttLine:
    """Parse one line below this heading. Never raises: an unreadable line becomes an `unparsed` note."""
    try:
        fields = _fields(text.removeprefix("\ufeff"))
        # Every row begins with a time or a number, and no heading does.
        if text[:1].isdigit() or not is_heading(fields):
            table = table_of(heading)
            return unparsed(text, NO_TABLE) if table is None else _row(fields, table)
    except _BadRowError as error:
        return unparsed(text, str(error))
    found = ColumnNames(None, ",".join(fields))
    return found if table_of(found.text) else unparsed(text, "its columns are not those of a known table")


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return [field.strip() for field in text.split(",")]
    try:
        return [field.strip() for field in next(csv.reader([text], strict=True), [])]
    except csv.Error as error:
        raise _BadRowError("its quotation marks do not match") from error


def _row(fields: list[str], table: Table) -> TagLine | Fix | RowValues:
    short = len(table.columns) - len(fields)
    if short < 0 or (short and not _is_no_fix(fields, table)):
        raise _BadRowError(f"it has {len(fields)} fields and its heading {len(table.columns)}")
    row, titles = dict(zip(table.columns, [*fields, *[""] * short], strict=True)), table.titles
    if table.kind == "health":
        return _health(row, titles)
    if table.kind == "positions":
        return _position(row, titles)
    return _tag(row, titles, table)


def _is_no_fix(fields: list[str], table: Table) -> bool:
    """Whether this is the short row that stations write for an attempt without a fix: its time and nothing else."""
    return table.kind == "positions" and table.columns[0] == "recordedat" and not any(fields[1:]) and len(fields) > 1


def _tag(row: dict[str, str], titles: dict[str, str], table: Table) -> TagLine:
    at, tag = _at(row.pop("time")), row.pop("tag")
    if not _TAG.match(tag):
        raise _BadRowError("its tag is not one of 8 or 10 hexadecimal digits")
    rssi = _number(row.pop("tagrssi", ""))
    if rssi is not None and not _RSSI_LEAST <= rssi <= _RSSI_MOST:
        raise _BadRowError("no radio reports such a strength")
    node = _node(row.pop("node", ""))
    port = _bluetooth_port(row) if table.kind == "bluetooth" else _whole(row.pop("radio"))
    flag = row.pop("validated", "")
    if flag not in _MISSING and flag.lower() not in _FLAGS:
        raise _BadRowError("its mark of validity is neither 0 nor 1")
    also = {_text(titles[name])[:64]: _text(value) for name, value in row.items() if value not in _MISSING}
    return TagLine(port, at, tag, rssi, node, _FLAGS.get(flag.lower()), also or None)


def _bluetooth_port(row: dict[str, str]) -> int:
    """The port of a Bluetooth receiver. Its USB port and radio also stay in the row under their own names."""
    radio, usb = row.get("bluradioid") or row.get("radio", ""), row["usbport"]
    hundreds = _whole(usb) * _USB if usb not in _MISSING else _NO_USB
    if not 0 < hundreds <= _NO_USB:
        raise _BadRowError("its USB port is not a number from 1 to 9")
    return hundreds + _whole(radio)


def _health(row: dict[str, str], titles: dict[str, str]) -> RowValues:
    at, node = _reading_at(row.pop("time")), _node(row.pop("node"))
    if node is None:
        raise _BadRowError("it names no node")
    figures = []
    for column, (name, unit) in _HEALTH.items():
        if (text := row.pop(column, "")) not in _MISSING:
            figures.append(_figure(f"node/{node}/{name}", text, unit, is_text=column == "firmware"))
    if (sent := row.pop("recordedat", "")) not in _MISSING:
        figures.append(RowValue(f"node/{node}/clock", (_at(sent) - at) / 1_000_000, "s"))
    figures += _others(row, titles, f"node/{node}/")
    return RowValues(at, tuple(figures))


def _position(row: dict[str, str], titles: dict[str, str]) -> Fix:
    at = _reading_at(row.pop("recordedat"))
    lat, lon, alt = (_number(row.pop(name, "")) for name in ("latitude", "longitude", "altitude"))
    figures = []
    if (said := row.pop("gpsat", "")) not in _MISSING and "Invalid" not in said:
        figures.append(RowValue("gps/clock", (_at(said) - at) / 1_000_000, "s"))
    for column, (name, unit) in _POSITION.items():
        if (text := row.pop(column, "")) not in _MISSING:
            figures.append(_figure(name, text, unit))
    figures += _others(row, titles, "gps/")
    if lat is None or lon is None:
        return Fix(at, None, None, None, tuple(figures))
    if not (-90 <= lat <= 90 and -180 <= lon <= 360):
        raise _BadRowError("there is no such place")
    if abs(lat) < NO_PLACE and abs(lon) < NO_PLACE:
        return Fix(at, None, None, None, tuple(figures))
    return Fix(at, lat, lon, alt, tuple(figures))


def _others(row: dict[str, str], titles: dict[str, str], place: str) -> list[RowValue]:
    """Columns of unknown firmware, kept as series under their own names, without a unit."""
    return [
        _figure(place + re.sub(r"[^0-9A-Za-z]+", "_", titles[name])[:48], text, "", is_text=True)
        for name, text in row.items()
        if text not in _MISSING
    ]


def _figure(name: str, text: str, unit: str, *, is_text: bool = False) -> RowValue:
    if is_text and not _NUMBER.match(text):
        return RowValue(name, None, unit, _text(text))
    return RowValue(name, _number(text), unit)


def _at(text: str) -> int:
    """Microseconds since 1970. The station writes UTC; any other zone is refused."""
    match = _TIME.match(text)
    if match is None:
        raise _BadRowError(f"{text[:40]!r} is no time in UTC")
    day, hour, minute, second, fraction = match.groups()
    clock = int(hour) * 3_600 + int(minute) * 60 + int(second)
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise _BadRowError(f"{text[:40]!r} is no time")
    return (_midnight(day) + clock) * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def _reading_at(text: str) -> int:
    """The time of a row with readings. Raises if it is before 1978, which SenML would take as relative."""
    at = _at(text)
    if at < RELATIVE_BELOW * 1_000_000:
        raise _BadRowError("the clock was not set: a reading cannot be from before 1978")
    return at


@lru_cache(64)
def _midnight(day: str) -> int:
    try:
        found = date.fromisoformat(day).toordinal()
    except ValueError as error:
        raise _BadRowError(f"{day!r} is no date") from error
    if found < date(1900, 1, 2).toordinal() or found > date(5_000, 1, 1).toordinal():
        raise _BadRowError(f"{day!r} cannot be stored")
    return (found - _EPOCH) * _DAY


def _node(text: str) -> str | None:
    if text in _MISSING:
        return None
    if not _NODE.match(text):
        raise _BadRowError("its node is not a number of 1 to 16 digits or letters")
    return text.upper()


def _whole(text: str) -> int:
    if not (1 <= len(text) <= 2 and text.isascii() and text.isdigit()):
        raise _BadRowError("its radio is not a number from 0 to 99")
    return int(text)


def _number(text: str) -> float | None:
    if text in _MISSING:
        return None
    if not _NUMBER.match(text) or not math.isfinite(float(text)):
        raise _BadRowError(f"{text[:40]!r} is no number")
    return float(text)


def _text(text: str) -> str:
    if len(text) > _TEXT_MOST:
        raise _BadRowError(f"a field has more than {_TEXT_MOST} characters")
    return text.replace("\x00", "\ufffd")
