"""Storing a whole list from an outside system: finding new, changed, gone and returned rows in a handful of queries."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from fleet.sync.adapters.base import Adapter, Row
from fleet.sync.models import ExternalChange, ExternalRecord, SyncRun

#: Rows of one INSERT or UPDATE statement.
_BATCH = 1_000
_KEY_MOST = 200
_FIELD_MOST = 64
#: Replaces each NUL character: Unicode's replacement character.
_NO_NUL = "\ufffd"
LISTED = "listed"
LINK = "link"


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Counts of what storing a list changed."""

    records: int
    new: int
    changed_fields: int
    gone: int
    back: int


def serial_matched(serial: str) -> str:
    """The serial in the form used for comparison: upper case, without surrounding blanks."""
    return serial.strip().upper()[:_KEY_MOST]


def records_take(*, adapter: Adapter, rows: Sequence[Row], run: SyncRun, moment: datetime) -> RecordCounts:
    """Make the stored records equal to the list and record every difference. Runs in the caller's transaction.

    1. Give each row a stable key.  2. Compare it with the stored record.  3. Write new and changed records in bulk.
    4. Mark records no longer listed.  5. Record the differences (new rows not for the very first list).
    """
    named = rows_named(adapter, rows)
    known = {record.key: record for record in ExternalRecord.objects.filter(system=adapter.name)}
    written: list[ExternalRecord] = []
    changes: list[ExternalChange] = []
    back = 0
    for key, data in named.items():
        record = known.get(key)
        if record is None:
            written.append(_record_new(adapter, key, data, moment))
            continue
        differing = _differences(record, data, run, moment)
        if record.absent_since is not None:
            differing.append(_listing_change(record, run, moment, before=False, after=True))
            back += 1
        if differing:
            changes += differing
            record.data, record.absent_since, record.last_seen_at = dict(data), None, moment
            record.match_name = serial_matched(adapter.listing(data).serial)
            written.append(record)
    new = [record for record in written if record.key not in known]
    gone = [record for key, record in known.items() if key not in named and record.absent_since is None]
    fields = sum(1 for change in changes if change.field != LISTED)
    _write_records(adapter, new, [record for record in written if record.key in known], gone, moment)
    changes += [_listing_change(record, run, moment, before=True, after=False) for record in gone]
    if known:
        changes += [_listing_change(record, run, moment, before=None, after=True) for record in new]
    ExternalChange.objects.bulk_create(changes, batch_size=_BATCH)
    return RecordCounts(records=len(named), new=len(new), changed_fields=fields, gone=len(gone), back=back)


def rows_named(adapter: Adapter, rows: Iterable[Row]) -> dict[str, dict[str, object]]:
    """Rows by a key that stays the same from list to list.

    The key is the adapter's, or a digest of the row if it has none. Rows with the same key are numbered in the order
    of their contents, so that none is dropped and the order of the list does not matter.
    """
    cleaned = [_cleaned(row) for row in rows]
    texts = [msgspec.json.encode(row, order="deterministic") for row in cleaned]
    named: dict[str, dict[str, object]] = {}
    used: Counter[str] = Counter()
    for text, row in sorted(zip(texts, cleaned, strict=True), key=lambda pair: pair[0]):
        base = adapter.key(row)[: _KEY_MOST - 20] or f"row:{hashlib.sha256(text).hexdigest()[:32]}"
        used[base] += 1
        named[base if used[base] == 1 else f"{base}#{used[base]}"] = row
    return named


def _cleaned(row: Row) -> dict[str, object]:
    """The row with each NUL character replaced, because PostgreSQL cannot store NUL."""
    return {str(name).replace("\x00", _NO_NUL): _cleaned_value(value) for name, value in row.items()}


def _cleaned_value(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", _NO_NUL)
    if isinstance(value, Mapping):
        return _cleaned(value)
    if isinstance(value, list):
        return [_cleaned_value(item) for item in value]
    return value


def _record_new(adapter: Adapter, key: str, data: dict[str, object], moment: datetime) -> ExternalRecord:
    return ExternalRecord(
        system=adapter.name,
        key=key,
        match_name=serial_matched(adapter.listing(data).serial),
        data=data,
        first_seen_at=moment,
        last_seen_at=moment,
    )


def _differences(
    record: ExternalRecord, data: Mapping[str, object], run: SyncRun, moment: datetime
) -> list[ExternalChange]:
    before: dict[str, object] = record.data
    return [
        ExternalChange(
            run=run,
            record=record,
            field=field[:_FIELD_MOST],
            before=before.get(field),
            after=data.get(field),
            at=moment,
        )
        for field in sorted({*before, *data})
        if before.get(field) != data.get(field)
    ]


def _listing_change(
    record: ExternalRecord, run: SyncRun, moment: datetime, *, before: bool | None, after: bool
) -> ExternalChange:
    return ExternalChange(run=run, record=record, field=LISTED, before=before, after=after, at=moment)


def _write_records(
    adapter: Adapter,
    new: Sequence[ExternalRecord],
    changed: Sequence[ExternalRecord],
    gone: Sequence[ExternalRecord],
    moment: datetime,
) -> None:
    """Write new and changed records, one statement per batch; then mark which are still listed and which are not."""
    ExternalRecord.objects.bulk_create(new, batch_size=_BATCH)
    if changed:
        ExternalRecord.objects.bulk_update(
            changed, ["data", "match_name", "absent_since", "last_seen_at"], batch_size=_BATCH
        )
    ExternalRecord.objects.filter(pk__in=[record.pk for record in gone]).update(absent_since=moment)
    ExternalRecord.objects.filter(system=adapter.name, absent_since=None).update(last_seen_at=moment)
