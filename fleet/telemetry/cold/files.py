"""Parquet files of cold storage: written, stored, fetched back, read in parts, and deleted."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from django.conf import settings
from django.core.files.storage import storages
from django.core.files.storage.handler import InvalidStorageError
from django.utils.translation import gettext as _

from fleet.core.errors import Unavailable
from fleet.telemetry.cold.tables import ColdTable

if TYPE_CHECKING:
    import pyarrow as pa

_DISK, _OBJECTS = "default", "objects"
#: Rows per group in the file, so that reading a day of one series unpacks one group.
_GROUP_ROWS: Final = 100_000
_PIECE: Final = 1_048_576
#: Least seconds to store a file in the object store, and the bytes for which each further second is allowed.
_SECONDS_LEAST, _BYTES_PER_S = 120.0, 4_000_000


class ColdUnreadable(Unavailable):
    """A cold file is missing, cut off, or differs from what was stored."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _(
                "Data of this time is in cold storage, and its file cannot be read (%(name)s). Roost shows nothing "
                "rather than an incomplete answer: try again later, or ask an administrator."
            )
            % {"name": name}
        )


@dataclass(frozen=True, slots=True)
class ColdWritten:
    """A Parquet file that was written: its size and SHA-256."""

    octets: int
    sha256: str


def place_now() -> str:
    """The storage to which new cold files go."""
    return _OBJECTS if settings.ROOST_S3_BUCKET else _DISK


def file_name(*, table: ColdTable, organization_id: int, station_id: int, month: date, number: int) -> str:
    """The unique name of a cold file in the storage. Tools read such folders as partitioned Parquet."""
    return f"{table.folder}/organization={organization_id}/month={month:%Y-%m}/station-{station_id}-{number}.parquet"


def parquet_write(path: Path, table: ColdTable, batches: Iterator[pa.RecordBatch]) -> ColdWritten:
    """Write rows that are sorted by their key.

    Times rise by nearly equal steps and values repeat, so their encodings need about a byte each; zstd does the rest.
    """
    import pyarrow as pa  # noqa: PLC0415 - the site does not load Arrow
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    schema = table.arrow_schema()
    with pq.ParquetWriter(
        path, schema, compression="zstd", column_encoding=dict.fromkeys(table.rising, "DELTA_BINARY_PACKED"),
        use_dictionary=[name for name, kind in table.columns if name not in table.rising and kind != "boolean"],
        write_page_checksum=True,
        sorting_columns=pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in table.key]),
    ) as writer:  # fmt: skip
        waiting: list[pa.RecordBatch] = []
        for batch in batches:
            waiting.append(batch)
            while sum(one.num_rows for one in waiting) >= _GROUP_ROWS:
                group = pa.Table.from_batches(waiting, schema)
                writer.write_table(group.slice(0, _GROUP_ROWS), row_group_size=_GROUP_ROWS)
                waiting = group.slice(_GROUP_ROWS).to_batches()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, schema), row_group_size=_GROUP_ROWS)
    with path.open("rb") as file:
        return ColdWritten(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def file_store(*, place: str, name: str, path: Path, written: ColdWritten) -> None:
    """Store a file under its name; on the disk it is there whole or not at all. Raises `Unavailable` and `OSError`."""
    storage = _storage(place)
    if place == _OBJECTS:
        until = time.monotonic() + _SECONDS_LEAST + written.octets / _BYTES_PER_S
        storage.put(name, path, sha256=written.sha256, until=until)
        return
    kept = Path(storage.path(name))
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = kept.with_name(f"{kept.name}.part")
    with path.open("rb") as source, beside.open("wb") as target:
        beside.chmod(0o600)
        shutil.copyfileobj(source, target, _PIECE)
        target.flush()
        os.fsync(target.fileno())
    beside.rename(kept)
    folder = os.open(kept.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def file_delete(*, place: str, name: str) -> None:
    """Delete a file, if it is there. Raises `Unavailable`."""
    storage = _storage(place)
    storage.delete(name)
    if place == _DISK:
        kept = Path(storage.path(name))
        kept.with_name(f"{kept.name}.part").unlink(missing_ok=True)


@contextmanager
def file_fetched(*, place: str, name: str, sha256: str) -> Iterator[Path]:
    """A local copy of a stored file, after checking its SHA-256. Raises `Unavailable`."""
    with tempfile.NamedTemporaryFile(prefix="roost-cold-", suffix=".parquet") as copy:
        digest = hashlib.sha256()
        try:
            with _open(place, name) as source:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    copy.write(piece)
        except OSError as error:
            raise ColdUnreadable(name) from error
        copy.flush()
        if digest.hexdigest() != sha256:
            raise ColdUnreadable(name)
        yield Path(copy.name)


def fetched_tables(path: Path, table: ColdTable) -> Iterator[pa.Table]:
    """The rows of a fetched file, group by group."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, use_threads=False).cast(table.arrow_schema())
    except (pa.ArrowException, OSError) as error:
        raise ColdUnreadable(path.name) from error


def parts_of(
    *, place: str, name: str, table: ColdTable, condition: Any, is_newest_first: bool = False
) -> Iterator[pa.Table]:
    """The rows of a file that meet a condition, part by part, the last part first if wanted. Raises `Unavailable`.

    Parts that cannot have any, according to the statistics in the file, are not read.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.dataset as ds  # noqa: PLC0415 - as above

    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    try:
        with _open(place, name) as source:
            whole = ds.ParquetFileFormat(default_fragment_scan_options=options).make_fragment(source)
            parts = whole.split_by_row_group(condition)
            for part in reversed(parts) if is_newest_first else parts:
                yield part.to_table(filter=condition, use_threads=False).cast(table.arrow_schema())
    except (pa.ArrowException, OSError) as error:
        raise ColdUnreadable(name) from error


def _open(place: str, name: str) -> BinaryIO:
    storage = _storage(place)
    if place == _DISK:
        return Path(storage.path(name)).open("rb")
    opened: BinaryIO = storage.open(name, "rb")
    return opened


def _storage(place: str) -> Any:
    try:
        return storages[place]
    except InvalidStorageError as error:
        raise Unavailable(
            _("Data of this time is in an object store, but the settings of this server name none.")
        ) from error
