"""Lines of any format: tags, positions, figures, headings and events, and reading one line with an account of its bytes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from message_queue.contracts.base import Scalar

#: One word for each reason to refuse: not in the grammar, incomplete, zero bytes, too long to be a line, cannot be
#: unpacked, a file that cannot be read at all, a table row without a heading.
UNPARSED, NO_END, ZEROS, TOO_LONG, DAMAGE, UNREADABLE, NO_HEADING = (
    "unparsed",
    "no_end",
    "zero_bytes",
    "too_long",
    "damage",
    "unreadable",
    "no_heading",
)
#: Characters of an unreadable line that are sent along.
TEXT_MOST = 200
#: Why a table row without a usable heading above it is refused.
NO_TABLE = "no heading above it names its columns"
#: Degrees from 0° N 0° E within which a position is a receiver without a fix, not a place.
NO_PLACE = 0.001


class TagLine(NamedTuple):
    """One coded tag. Only CTT SensorStations write the fields after `rssi`.

    `node` is the node that heard it, None for the station itself; `valid` whether the radio checked the tag's checksum;
    `also` the row's other fields, by column name.
    """

    port: int
    at: int
    tag: str
    rssi: float | None
    node: str | None = None
    valid: bool | None = None
    also: dict[str, str] | None = None


class RowValue(NamedTuple):
    """One value of a series, or a text. `unit` is as in RFC 8428."""

    name: str
    value: float | None
    unit: str
    text: str = ""


class Fix(NamedTuple):
    """One position; `at` is None when the line has no time, `lat` and `lon` None when there was no fix."""

    at: int | None
    lat: float | None
    lon: float | None
    alt: float | None
    figures: tuple[RowValue, ...] = ()


class RowValues(NamedTuple):
    """Measured values of one moment, such as the health of a node of a CTT SensorStation."""

    at: int
    figures: tuple[RowValue, ...]


class ColumnNames(NamedTuple):
    """The names of the columns of the rows below it, separated by commas."""

    at: None
    text: str


class Note(NamedTuple):
    """One event; `at` is None when the line has no reliable time."""

    at: int | None
    name: str
    port: int | None
    data: dict[str, Scalar]


class LineRead(NamedTuple):
    """A line as it was in the file: `size` bytes including its end, of which `lost` are refused; `refusal` says why."""

    line: Any
    size: int
    lost: int = 0
    refusal: str = ""
    #: The line is empty, or a heading: nothing of it is sent.
    has_no_data: bool = False


def line_take(raw: bytes, parse: Callable[[str], Any], *, passed: int = 0) -> LineRead:
    """Read one line from a file, without its line feed, by its grammar.

    `parse` never raises and returns an `unparsed` note for a line outside the grammar. `passed` bytes of the line were
    dropped because it was too long.
    """
    size = len(raw) + 1 + passed
    if passed:
        return LineRead(unparsed(raw.decode("utf-8", "replace"), "the line is too long"), size, size, TOO_LONG)
    if not raw.strip():
        return LineRead(Note(None, "blank", None, {}), size, has_no_data=True)
    line = parse(raw.removesuffix(b"\r").decode("utf-8", "replace"))
    if not _is_unparsed(line):
        return LineRead(line, size)
    if b"\x00" in raw:
        # A power cut leaves zeros before later writes.
        lost, good = raw.rpartition(b"\x00")[::2]
        line_behind = parse(good.removesuffix(b"\r").decode("utf-8", "replace"))
        if not _is_unparsed(line_behind):
            return LineRead(line_behind, size, len(lost) + 1)
        return LineRead(line, size, size, ZEROS)
    return LineRead(line, size, size, NO_HEADING if line.data.get("why") == NO_TABLE else UNPARSED)


def line_without_end(rest: bytes, size: int) -> LineRead:
    """The beginning of an incomplete line at a finished file's end."""
    return LineRead(unparsed(rest.decode("utf-8", "replace"), "the line has no end"), size, size, NO_END)


def unparsed(text: str, why: str = "") -> Note:
    """The note for an unreadable line."""
    data: dict[str, Scalar] = {"text": text_clean(text)}
    if why:
        data["why"] = why
    return Note(None, "unparsed", None, data)


def text_clean(text: str) -> str:
    """Text that a database can hold: no NUL, not too long."""
    return text[:TEXT_MOST].replace("\x00", "\ufffd")


def _is_unparsed(line: Any) -> bool:
    return isinstance(line, Note) and line.name == "unparsed"
