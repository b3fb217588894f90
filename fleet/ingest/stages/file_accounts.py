"""Accounts that stations give of their own files: one per file, and their sums. Only newer accounts replace older ones.

In the same stream the higher number is newer, otherwise the later time by the station's clock. Between the station and
a desk with its card, which may hold an older or newer copy, the account that has read more wins.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast

import msgspec

from fleet.ingest.batch import Batch, Said, moment_of
from fleet.ingest.database import cursor, numbers
from fleet.ingest.memory.files import files_room
from fleet.ingest.round import Round
from message_queue.contracts.file import FileAccount, FileState

_FIGURES = (
    *("bytes_read", "bytes_unread", "bytes_taken", "bytes_known", "bytes_kept_back", "bytes_refused"),
    *("lines_read", "lines_taken", "lines_known", "lines_kept_back", "lines_refused"),
)
_COLUMNS = (
    *("state", "octets", "start_at", *_FIGURES, "is_damaged", "reason", "refusals"),
    *("said_at", "said_stream", "said_seq", "is_by_desk"),
)
#: The figures that go into the sums.
_SUMMED = (
    *("bytes_read", "bytes_unread", "bytes_taken", "bytes_known", "bytes_kept_back", "bytes_refused"),
    "lines_refused",
)
_TYPES = {
    "state": "text",
    "start_at": "timestamptz",
    "is_damaged": "bool",
    "reason": "text",
    "refusals": "jsonb",
    "said_at": "timestamptz",
    "said_stream": "text",
    "is_by_desk": "bool",
}
_SUMS = (
    *("files", "files_open", "files_refused", "files_foreign", "files_gone", "files_damaged", "bytes_all"),
    *("bytes_taken", "bytes_known", "bytes_kept_back", "bytes_unread", "bytes_refused", "lines_refused"),
)


class _Row(NamedTuple):
    """A file as stored."""

    id: int
    station_id: int
    name: str
    state: str
    octets: int
    is_damaged: bool
    said_at: float | None
    said_stream: str
    said_seq: int
    is_by_desk: bool
    bytes_read: int
    bytes_unread: int
    bytes_taken: int
    bytes_known: int
    bytes_kept_back: int
    bytes_refused: int
    lines_refused: int


def base_of(name: str) -> str:
    """The name of a file in its rows: the last part of its path."""
    return name.rpartition("/")[2] or name


def write_accounts(work: Round) -> None:
    """Store the newest account of each file, and update the sums of their stations."""
    batch = work.batch
    if not batch.accounts:
        return
    station_ids = sorted({station_id for station_id, _name in batch.accounts})
    _lock_sums(station_ids, batch.moment)
    known = _read_known(batch.accounts)
    room: dict[int, int] | None = None
    written: list[tuple[int, str, Said]] = []
    left_out: dict[int, int] = {}
    sums = {station_id: [0] * len(_SUMS) for station_id in station_ids}
    for (station_id, name), said in sorted(batch.accounts.items()):
        row = known.get((station_id, name))
        if row is None and (row := _adopt(known, station_id, name)) is None:
            room = files_room(station_ids) if room is None else room
            room[station_id] -= 1
            if room[station_id] < 0:
                batch.overfull.add(station_id)
                left_out[station_id] = left_out.get(station_id, 0) + 1
                continue
        if row is not None and row.said_at is not None:
            before = _said_before(row)
            if not said.follows(before, batch.received_at):
                continue
            _add_account(sums[station_id], before.account, -1)
        _add_account(sums[station_id], said.account, 1)
        written.append((station_id, name, said))
    _accounts_insert(written, batch)
    _sums_write(sums, batch)
    _left_out_count(left_out)


def _lock_sums(station_ids: list[int], moment: datetime) -> None:
    """Lock the sums of these stations, creating missing ones, so that no two workers add the same change."""
    zeros = ", ".join("0" for _name in _SUMS)
    cursor().execute(
        f"INSERT INTO telemetry_filesummary (station_id, {', '.join(_SUMS)}, received_at) "  # noqa: S608 - our own names
        f"SELECT k.id, {zeros}, %s FROM unnest(%s::bigint[]) AS k(id) ORDER BY k.id ON CONFLICT DO NOTHING",
        [moment, numbers(station_ids)],
    )
    cursor().execute(
        "SELECT 1 FROM telemetry_filesummary WHERE station_id = ANY(%s::bigint[]) ORDER BY station_id FOR UPDATE",
        [numbers(station_ids)],
    )


def _read_known(accounts: Iterable[tuple[int, str]]) -> dict[tuple[int, str], _Row]:
    """Stored files with these names, or with the names that their rows would have."""
    keys = {(station_id, each) for station_id, name in accounts for each in (name, base_of(name))}
    ordered = sorted(keys)
    rows = cursor().execute(
        "SELECT f.id, f.station_id, f.name, f.state, f.octets, f.is_damaged, extract(epoch from f.said_at)::float8, "
        "f.said_stream, f.said_seq, f.is_by_desk, f.bytes_read, f.bytes_unread, f.bytes_taken, f.bytes_known, "
        "f.bytes_kept_back, f.bytes_refused, f.lines_refused FROM files_stationfile f JOIN unnest(%s::bigint[], "
        "%s::text[]) AS k(station_id, name) ON k.station_id = f.station_id AND k.name = f.name WHERE NOT "
        "f.is_moved_here",
        [numbers([key[0] for key in ordered]), [key[1] for key in ordered]],
    )
    return {(row[1], row[2]): _Row(*row) for row in rows.fetchall()}


def _adopt(known: dict[tuple[int, str], _Row], station_id: int, name: str) -> _Row | None:
    """Give a file known only from its rows the path from its account; None if there is no such file."""
    row = known.get((station_id, base_of(name)))
    if row is None or row.said_at is not None or row.name == name:
        return None
    cursor().execute("UPDATE files_stationfile SET name = %s WHERE id = %s", [name, row.id])
    del known[station_id, base_of(name)]
    return row


def _said_before(row: _Row) -> Said:
    account = FileAccount(
        name=row.name,
        state=cast("FileState", row.state),
        size=row.octets,
        damaged=row.is_damaged,
        **{name: getattr(row, name) for name in _SUMMED},
    )
    return Said(account, row.said_at or 0.0, row.said_stream, row.said_seq, row.is_by_desk)


#: No file is larger than this; without a bound, one nonsense figure would make the sums overflow.
_FIGURE_MOST = 2**40


def _add_account(sums: list[int], account: FileAccount, sign: int) -> None:
    for place, figure in enumerate(figures_of(account)):
        sums[place] += sign * min(figure, _FIGURE_MOST)


def figures_of(account: FileAccount) -> tuple[int, ...]:
    """Contribution of one account to the sums, in the order of `_SUMS`. Another station's file is only foreign."""
    if account.state == "foreign":
        return (0, 0, 0, 1, *([0] * (len(_SUMS) - 4)))
    read, unread, refused = account.bytes_read, account.bytes_unread, account.bytes_refused
    if account.state == "refused" and not read + unread:
        # Nothing could be unpacked, so all of its size on disk counts as refused.
        read = refused = account.size
    return (
        1,
        account.state == "open",
        account.state == "refused",
        0,
        account.state == "gone",
        account.damaged,
        read + unread,
        account.bytes_taken,
        account.bytes_known,
        account.bytes_kept_back,
        unread,
        refused,
        account.lines_refused,
    )


def _accounts_insert(written: list[tuple[int, str, Said]], batch: Batch) -> None:
    if not written:
        return
    columns = ", ".join(_COLUMNS)
    shapes = ", ".join(f"{name} {_TYPES.get(name, 'bigint')}" for name in _COLUMNS)
    changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
    cursor().execute(
        f"INSERT INTO files_stationfile (station_id, name, base, rows, first_received_at, last_received_at, {columns}) "  # noqa: S608 - our own names
        f"SELECT n.station_id, n.name, n.base, 0, %s, %s, {', '.join(f'n.{name}' for name in _COLUMNS)} "
        f"FROM jsonb_to_recordset(%s::jsonb) AS n(station_id bigint, name text, base text, {shapes}) "
        "ON CONFLICT (station_id, name) WHERE NOT is_moved_here "
        f"DO UPDATE SET last_received_at = excluded.last_received_at, {changes}",
        [batch.moment, batch.moment, msgspec.json.encode([_record(*each) for each in written]).decode()],
    )


def _record(station_id: int, name: str, said: Said) -> dict[str, object]:
    account = said.account
    return {
        "station_id": station_id,
        "name": name,
        "base": base_of(name),
        "state": account.state,
        "octets": account.size,
        "start_at": None if account.start is None else moment_of(account.start),
        **{figure: getattr(account, figure) for figure in _FIGURES},
        "is_damaged": account.damaged,
        "reason": account.reason,
        "refusals": account.refusals,
        "said_at": moment_of(said.at),
        "said_stream": said.stream,
        "said_seq": said.seq,
        "is_by_desk": said.is_by_desk,
    }


def _sums_write(sums: dict[int, list[int]], batch: Batch) -> None:
    ids = sorted(sums)
    steps = ", ".join(f"{name} = s.{name} + n.{name}" for name in _SUMS)
    arrays = ", ".join("%s::bigint[]" for _name in _SUMS)
    cursor().execute(
        f"UPDATE telemetry_filesummary s SET {steps}, received_at = %s "  # noqa: S608 - our own names
        f"FROM unnest(%s::bigint[], {arrays}) AS n(id, {', '.join(_SUMS)}) WHERE s.station_id = n.id",
        [batch.moment, numbers(ids), *(numbers([sums[i][place] for i in ids]) for place in range(len(_SUMS)))],
    )


def _left_out_count(left_out: dict[int, int]) -> None:
    """Count the accounts of files without room, which are in no sum."""
    if left_out:
        cursor().execute(
            "UPDATE telemetry_filesummary s SET accounts_left_out = s.accounts_left_out + n.count "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS n(id, count) WHERE s.station_id = n.id",
            [numbers(sorted(left_out)), numbers([left_out[i] for i in sorted(left_out)])],
        )


def sums_rebuild(station_ids: list[int], moment: datetime) -> None:
    """Recompute these stations' sums from their files, as after files were moved."""
    _lock_sums(sorted(station_ids), moment)
    for station_id in sorted(station_ids):
        rows = cursor().execute(
            "SELECT name, state, octets, is_damaged, bytes_read, bytes_unread, bytes_taken, bytes_known, "
            "bytes_kept_back, bytes_refused, lines_refused FROM files_stationfile "
            "WHERE station_id = %s AND said_at IS NOT NULL",
            [station_id],
        )
        total = [0] * len(_SUMS)
        for name, state, size, damaged, *figures in rows:
            said = dict(zip(_SUMMED, figures, strict=True))
            _add_account(total, FileAccount(name=name, state=state, size=size, damaged=damaged, **said), 1)
        steps = ", ".join(f"{name} = %s" for name in _SUMS)
        cursor().execute(
            f"UPDATE telemetry_filesummary SET {steps} WHERE station_id = %s",  # noqa: S608 - our own names
            [*total, station_id],
        )
