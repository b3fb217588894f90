"""Writing a package: each kind in one file, then the places, and last the description with every checksum.

Memory use does not grow with the package: rows pass through in the pieces that the database sends. Each part is read
as of one moment, so rows that arrive meanwhile are in the parts that are read later, or not at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import Conflict
from fleet.exports.columns import COLUMNS, columns_of
from fleet.exports.descriptor import Written, descriptor_bytes
from fleet.exports.parts import PackagePart, deployments_of, part_stations, parts_of
from fleet.exports.places import (
    ANTENNA_COLUMNS,
    DEPLOYMENT_COLUMNS,
    antennas_csv,
    antennas_of,
    deployments_csv,
    places_geojson,
)
from fleet.exports.question import Format, PackageQuestion
from fleet.exports.rows.cold import part_rows
from fleet.exports.rows.statements import doubted_query, reading_connection
from fleet.exports.rows.text import TextRows
from fleet.exports.target import Counted, Target

DESCRIPTOR = "datapackage.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a package is. The number of parts is known beforehand, so it shows the share of the work."""

    parts: int
    parts_all: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PackageWritten:
    """A complete package as written. `missing`: ids of chosen stations that the organization no longer has."""

    files: tuple[Written, ...]
    station_ids: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows that stations sent."""
        return sum(one.rows or 0 for one in self.files if one.name in COLUMNS)

    @property
    def left_out(self) -> int:
        """Rows left out because they are marked as doubtful."""
        return sum(one.left_out for one in self.files)


class RowsWriter(Protocol):
    """Writes the parts of one kind into one file."""

    def part_write(self, part: PackagePart, *, is_clean: bool) -> int:
        """Write one part; return the number of its rows."""
        ...

    def close(self) -> None:
        """Write the rows that are still in memory."""
        ...


class _Made:
    """The files written so far, and the callback for progress."""

    def __init__(self, parts_all: int, tell: Callable[[Progress], None]) -> None:
        self.files: list[Written] = []
        self._tell, self._parts_all = tell, parts_all
        self._parts = self._rows = 0

    def part_done(self, rows: int, file: Counted) -> None:
        """Report one more part."""
        self._parts += 1
        self._rows += rows
        written = sum(one.bytes for one in self.files) + file.bytes
        self._tell(Progress(self._parts, self._parts_all, self._rows, written))


def package_write(
    question: PackageQuestion, target: Target, *, tell: Callable[[Progress], None] = lambda _: None
) -> PackageWritten:
    """Write a package. `tell` gets the progress and may raise to stop. Raises `Conflict` if no station is left."""
    stations = part_stations(question)
    if not stations:
        raise Conflict(_("None of the chosen stations is left."))
    parts = parts_of(question, stations)
    made = _Made(len(parts) * len(question.kinds), tell)
    with reading_connection() as reader:
        for kind in question.kinds:
            _kind_write(question, kind, parts, target, reader, made)
    _places_write(question, target, made)
    serials = [station.serial for station in stations]
    with target.open(DESCRIPTOR) as file:
        file.write(descriptor_bytes(question, made.files, serials=serials, made_at=clock.now()))
    found = tuple(station.pk for station in stations)
    return PackageWritten(tuple(made.files), found, tuple(sorted(set(question.station_ids) - set(found))))


def _kind_write(
    question: PackageQuestion,
    kind: str,
    parts: Sequence[PackagePart],
    target: Target,
    reader: psycopg.Connection,
    made: _Made,
) -> None:
    path, columns = f"{kind}.{question.format}", columns_of(kind, is_local=question.is_local)
    rows = left_out = 0
    with target.open(path) as file:
        writer = writer_of(question.format, file, kind, reader, is_local=question.is_local)
        try:
            for part in parts:
                added = writer.part_write(part, is_clean=question.is_clean)
                if question.is_clean:
                    left_out += _doubted(reader, kind, part)
                rows += added
                made.part_done(added, file)
        finally:
            writer.close()
        words = COLUMNS[kind].words
        made.files.append(Written(kind, path, words, file.bytes, file.sha256, rows, left_out, columns))


def writer_of(wanted: Format, file: Counted, kind: str, reader: psycopg.Connection, *, is_local: bool) -> RowsWriter:
    """The writer of a format. Text reads through `reader`; Arrow has a connection of its own as well."""
    columns = columns_of(kind, is_local=is_local)
    if wanted == Format.PARQUET:
        # Load Arrow only for Parquet: other processes need not spend memory on it.
        from fleet.exports.rows.parquet import ParquetRows  # noqa: PLC0415 - as above

        return ParquetRows(file, kind, columns, reader)
    return TextRows(file, kind, columns, reader, is_json=wanted == Format.NDJSON)


def _doubted(reader: psycopg.Connection, kind: str, part: PackagePart) -> int:
    with part_rows(reader, kind, part) as table:
        row = reader.execute(doubted_query(kind, part, table=table)).fetchone()
    return int(row[0]) if row else 0


def _places_write(question: PackageQuestion, target: Target, made: _Made) -> None:
    deployments = deployments_of(question)
    antennas = antennas_of(deployments)
    for name, path, words, data, columns, rows in (
        (
            "deployments",
            "deployments.csv",
            "Deployments: which station was where, and when",
            deployments_csv(deployments),
            DEPLOYMENT_COLUMNS,
            len(deployments),
        ),
        (
            "antennas",
            "antennas.csv",
            "Antennas of these deployments",
            antennas_csv(antennas),
            ANTENNA_COLUMNS,
            len(antennas),
        ),
        (
            "places",
            "places.geojson",
            "The same deployments as points",
            places_geojson(deployments),
            (),
            len(deployments),
        ),
    ):
        with target.open(path) as file:
            file.write(data)
            made.files.append(Written(name, path, words, file.bytes, file.sha256, rows, columns=columns))
