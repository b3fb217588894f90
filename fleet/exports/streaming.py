"""Rows of one station as a download that is sent while the rows are read. Larger amounts need a data package.

    counted (refused above the limit) ──▶ takes one of the limited slots ──▶ part by part: read, then sent

A part is read to its end before its first byte is sent, so a slow connection never keeps a database statement open.
Memory use is limited: a part has about `PART_ROWS` rows, and parts too large for memory wait on disk.
"""

import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final, Self, cast

import psycopg
from django.db.models import Manager
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, TooMany
from fleet.core.spoken import count_words
from fleet.exports.package import writer_of
from fleet.exports.parts import PackagePart, PartStation, part_stations, parts_of
from fleet.exports.question import PackageQuestion, question_check
from fleet.exports.rows.statements import reading_connection
from fleet.exports.target import Counted
from fleet.telemetry.cold.heard import heard_total
from fleet.telemetry.cold.reading import cold_total
from fleet.telemetry.models import Detection, Position, Reading, StationEvent

#: Maximum rows of one download, and how many are read at once, roughly.
ROWS_MOST: Final = 1_000_000
PART_ROWS: Final = 20_000
#: Maximum concurrent downloads: of one key or person, of one organization, and in all. Each takes a connection or two.
OWN_MOST, ORGANIZATION_MOST, ALL_MOST = 2, 4, 12
#: If the client reads nothing for this long, the database closes the connection, which ends the download.
_IDLE: Final = "10min"
_IN_MEMORY: Final = 4_000_000
_PIECE: Final = 262_144

_STORED: Final[dict[str, Manager[Any]]] = {
    "readings": Reading.objects,
    "detections": Detection.objects,
    "positions": Position.objects,
    "events": StationEvent.objects,
}


class RowsStream:
    """The rows of one question: one station, one kind. Iterate once over what `open` returns, or close it early."""

    def __init__(self, question: PackageQuestion, *, asker: str) -> None:
        """Raises `InvalidInput` for a wrong question or too many rows, and `Unavailable` if cold storage is down."""
        question_check(question)
        stations = part_stations(question)
        self.rows = _count(question, stations)
        self._question, self._asker = question, asker
        self._parts = _parts(question, stations, self.rows)

    def open(self) -> Iterator[bytes]:
        """Take a slot and begin to read. Raises `TooMany` if no slot is free."""
        pieces = self._read()
        # The first piece is empty: it arrives once the slot is taken.
        next(pieces)
        return pieces

    def _read(self) -> Iterator[bytes]:
        question, (kind,) = self._question, self._question.kinds
        with reading_connection() as reader, _Held() as held:
            reader.execute(f"SET idle_session_timeout = '{_IDLE}'")
            _place_take(reader, asker=self._asker, organization_id=question.organization.pk)
            yield b""
            file = Counted(cast("IO[bytes]", held))
            writer = writer_of(question.format, file, kind, reader, is_local=question.is_local)
            try:
                for part in self._parts:
                    writer.part_write(part, is_clean=question.is_clean)
                    yield from held.given()
            finally:
                writer.close()
            yield from held.given()


class _Held:
    """A buffer: takes bytes and gives them back once, in order. Beyond a few megabytes they wait on disk."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed below

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: memoryview) -> int:
        """Take all of `data`."""
        return self._file.write(data)

    def given(self) -> Iterator[bytes]:
        """Give back the bytes taken since the last call."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece
        self._file.seek(0)
        self._file.truncate()


def _count(question: PackageQuestion, stations: Sequence[PartStation]) -> int:
    (kind,) = question.kinds
    found = _STORED[kind].filter(occurred_at__gte=question.start, occurred_at__lt=question.end)
    ids = [one.pk for one in stations]
    if kind == "readings":
        series = [number for one in stations for number, _name, _unit in one.series]
        rows = found.filter(series__in=series).order_by()[: ROWS_MOST + 1].count()
        rows += cold_total(series, question.start, question.end)
    else:
        rows = found.filter(station__in=ids).order_by()[: ROWS_MOST + 1].count()
        rows += heard_total(ids, question.start, question.end) if kind == "detections" else 0
    if rows > ROWS_MOST:
        raise InvalidInput(
            _(
                "There are more than %(most)s rows in this period. Choose a shorter one, or ask for a data package, "
                "which has no such limit: POST /api/v1/organizations/%(slug)s/exports, or the page Data packages."
            )
            % {"most": count_words(ROWS_MOST), "slug": question.organization.slug},
            field="from",
        )
    return rows


def _parts(question: PackageQuestion, stations: Sequence[PartStation], rows: int) -> list[PackagePart]:
    span = question.end - question.start
    return parts_of(question, stations, longest=span * PART_ROWS / max(rows, 1))


def _place_take(reader: psycopg.Connection, *, asker: str, organization_id: int) -> None:
    """Take a slot of each kind. Slots are locks of this connection, so they are freed however it ends."""
    for name, most, words in (
        (f"of.{asker}", OWN_MOST, _("You are already downloading %(most)d such files: wait until one is done.")),
        (
            f"in.{organization_id}",
            ORGANIZATION_MOST,
            _("%(most)d such files of this organization are being downloaded: wait until one is done."),
        ),
        ("all", ALL_MOST, _("%(most)d such files are being downloaded from this server: try again in a minute.")),
    ):
        if not any(_is_taken(reader, f"roost.rows.{name}.{number}") for number in range(most)):
            raise TooMany(words % {"most": most})


def _is_taken(reader: psycopg.Connection, name: str) -> bool:
    row = reader.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name]).fetchone()
    return bool(row and row[0])
