"""The lines of Sensorgnome files: V1, early V2 and current V2, with every defect that real files have.

    p<port>,<seconds>,<offset kHz>,<signal dB>,<noise dB>[,<snr dB>]   pulse
    n<port>,...                                                        pulse that the station put into no burst
    T<port>,<seconds>,<tag id>[,<rssi>]                                tag
    G,<seconds>,<lat>,<lon>[,<altitude m>]                             position; all may be `undefined`
    C,<seconds>,<good digits>,<step s>                                 clock
    S,<seconds>,<port>,<parameter>,<value>[,<error code>,<error>]      setting
    F<port>,<seconds>,<duration s>,<pulses>,<used>,<bursts>            the station's filter, once an hour
    b<port>,<seconds>,<code>,<13 figures>                              burst that the station's burst finder decoded

Any other line is refused: it becomes an event `unparsed` with its text, and the file's account counts it.
Times are whole microseconds, so that the file's digits are preserved.
"""

import math
import re
from typing import NamedTuple

from formats.lines import (
    NO_PLACE,
    ColumnNames,
    Fix,
    LineRead,
    Note,
    RowValues,
    TagLine,
    line_take,
    text_clean,
    unparsed,
)
from message_queue.contracts.base import Scalar
from message_queue.contracts.bursts import FIGURES

_SECONDS = re.compile(r"(-?)(\d{1,11})(?:\.(\d{1,9}))?\Z")
_TAG = re.compile(r"[0-9A-Fa-f]{4,32}\Z")
_WHOLE = re.compile(r"-?\d{1,9}\Z")
_CODE = re.compile(r"[0-9A-Za-z._#-]{1,32}\Z")
_MISSING = frozenset({"", "undefined", "null", "NaN", "nan", "None", "-Infinity", "Infinity"})
#: Range of valid times, in microseconds since 1970.
EARLIEST = -2_208_988_800 * 1_000_000
LATEST = 99_999_999_998 * 1_000_000


class PulseLine(NamedTuple):
    """One radio pulse. `marked` if the line's form shows a writer that filters, so that `used` means something."""

    port: int
    at: int
    freq: float | None
    sig: float | None
    noise: float | None
    snr: float | None
    used: bool
    marked: bool


class Burst(NamedTuple):
    """One burst of a coded Lotek tag as decoded by the station's own burst finder. The contract names `figures`."""

    port: int
    at: int
    code: str
    figures: tuple[float | None, ...]


Line = PulseLine | TagLine | Fix | Burst | RowValues | Note | ColumnNames


class _BadLineError(Exception):
    """The line does not follow its grammar."""


def line_parse(text: str) -> Line:
    """Parse one line without its line end. Never raises: an unreadable line becomes an `unparsed` note."""
    try:
        return _read(text)
    except _BadLineError:
        return unparsed(text)


def line_read(raw: bytes, *, passed: int = 0) -> LineRead:
    """Read one line from a file, without its line feed. `passed` bytes of it were dropped because it was too long."""
    return line_take(raw, line_parse, passed=passed)


def _read(text: str) -> Line:
    fields = text.split(",")
    head, count = fields[0], len(fields)
    letter = head[:1]
    if letter in ("p", "n") and count in (5, 6):
        return _pulse(letter, head, fields)
    if letter == "T" and count in (3, 4):
        if not _TAG.match(fields[2]):
            raise _BadLineError
        return TagLine(_port(head[1:]), _at(fields[1]), fields[2], _number(fields[3]) if count == 4 else None)
    if letter == "b" and count == len(FIGURES) + 3:
        return _burst(head, fields)
    if head == "G" and count in (4, 5):
        return _fix(fields)
    return _note(letter, head, text)


def _note(letter: str, head: str, text: str) -> Note:
    fields = text.split(",")
    count = len(fields)
    if head == "C" and count == 4:
        return Note(_at(fields[1]), "clock", None, {"digits": _whole(fields[2]), "step": _number(fields[3])})
    if head == "S" and count >= 5:
        return _setting(text.split(",", 6))
    if letter == "F" and len(head) > 1 and count == 6:
        names = ("duration_s", "pulses", "used", "bursts")
        figures = {name: _number(field) for name, field in zip(names, fields[2:], strict=True)}
        return Note(_at(fields[1]), "filter", _port(head[1:]), {**figures})
    raise _BadLineError


def _pulse(letter: str, head: str, fields: list[str]) -> PulseLine:
    marked = len(fields) == 6 and all(_WHOLE.match(field) for field in fields[3:])
    snr = _number(fields[5]) if len(fields) == 6 else None
    return PulseLine(
        port=_port(head[1:]),
        at=_at(fields[1]),
        freq=_number(fields[2]),
        sig=_number(fields[3]),
        noise=_number(fields[4]),
        snr=snr,
        used=letter == "p",
        marked=marked or letter == "n",
    )


def _burst(head: str, fields: list[str]) -> Burst:
    if not _CODE.match(fields[2]):
        raise _BadLineError
    return Burst(_port(head[1:]), _at(fields[1]), fields[2], tuple(_number(field) for field in fields[3:]))


def _fix(fields: list[str]) -> Fix:
    at = None if fields[1] in _MISSING else _at(fields[1])
    lat, lon = _number(fields[2]), _number(fields[3])
    alt = _number(fields[4]) if len(fields) == 5 else None
    if lat is None or lon is None:
        return Fix(at, None, None, None)
    if not (-90 <= lat <= 90 and -180 <= lon <= 360):
        raise _BadLineError
    if abs(lat) < NO_PLACE and abs(lon) < NO_PLACE:
        return Fix(at, None, None, None)
    return Fix(at, lat, lon, alt)


def _setting(fields: list[str]) -> Note:
    fields += [""] * (7 - len(fields))
    _, at, port, parameter, value, code, error = fields
    data: dict[str, Scalar] = {
        "param": text_clean(parameter),
        "value": _value(value),
        "error_code": _value(code),
        "error": text_clean(error),
    }
    return Note(_at(at), "setting", _port(port), data)


def _at(text: str) -> int:
    match = _SECONDS.match(text)
    if match is None:
        raise _BadLineError
    sign, whole, fraction = match.groups()
    microseconds = int(whole) * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])
    if sign:
        microseconds = -microseconds
    if not EARLIEST <= microseconds <= LATEST:
        raise _BadLineError
    return microseconds


def _port(text: str) -> int:
    if not (1 <= len(text) <= 3 and text.isascii() and text.isdigit()):
        raise _BadLineError
    return int(text)


def _number(text: str) -> float | None:
    """A finite number, or None for one of the station's words for a missing value."""
    if text in _MISSING:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise _BadLineError from error
    # `float` also accepts 1_000 and non-ASCII digits, which no station writes.
    if not math.isfinite(value) or "_" in text or not text.isascii():
        raise _BadLineError
    return value


def _whole(text: str) -> int | None:
    if text in _MISSING:
        return None
    if not _WHOLE.match(text):
        raise _BadLineError
    return int(text)


def _value(text: str) -> Scalar:
    """A setting's value: a number if it is one exactly as written, else its text."""
    if text in ("undefined", "null", ""):
        return None
    try:
        return _number(text)
    except _BadLineError:
        return text_clean(text)
