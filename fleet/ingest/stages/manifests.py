"""Writing manifests: the last report about each file, and the sums of each station.

In the same stream the higher number is newer, otherwise the later time by the station's clock, unless the older message
came from a clock that ran ahead. A station has at most `HELD_MOST` files here; further ones are counted and left out.
"""

from collections.abc import Sequence

import msgspec

from fleet.ingest.batch import AHEAD_S, Batch, ToldManifest, moment_of
from fleet.ingest.database import cursor, numbers
from fleet.ingest.round import Round
from message_queue.contracts.manifest import ToldFile

#: Maximum files of a station that are listed.
HELD_MOST = 100_000
#: `t` is the stored row, `n` the reported one.
_IS_NEWER = (
    "CASE WHEN n.said_stream = t.said_stream THEN n.said_seq >= t.said_seq "
    f"ELSE n.said_at >= t.said_at OR t.said_at > %s::timestamptz + interval '{AHEAD_S} seconds' END"
)
_SHAPE = (
    "path text, octets bigint, sha256 text, modified_at timestamptz, first_at timestamptz, last_at timestamptz, "
    "lines jsonb, is_gone bool, is_growing bool"
)
#: A report that a file grows or is gone has no SHA-256: all earlier facts about the file stay.
_CHANGE = (
    "UPDATE holdings_heldfile t SET is_gone = n.is_gone, "  # noqa: S608 - our own words
    "octets = CASE WHEN n.sha256 = '' THEN t.octets ELSE n.octets END, "
    "modified_at = CASE WHEN n.sha256 = '' THEN t.modified_at ELSE n.modified_at END, "
    "first_at = CASE WHEN n.sha256 = '' THEN t.first_at ELSE n.first_at END, "
    "last_at = CASE WHEN n.sha256 = '' THEN t.last_at ELSE n.last_at END, "
    "lines = CASE WHEN n.sha256 = '' THEN t.lines ELSE n.lines END, "
    # Requests and results for one content do not apply to another.
    "asked_until = CASE WHEN n.sha256 IN ('', t.sha256) THEN t.asked_until END, "
    "\"end\" = CASE WHEN n.sha256 IN ('', t.sha256) THEN t.\"end\" ELSE '' END, "
    "end_reason = CASE WHEN n.sha256 IN ('', t.sha256) THEN t.end_reason ELSE '' END, "
    "sha256 = CASE WHEN n.sha256 = '' THEN t.sha256 ELSE n.sha256 END, "
    "said_at = n.said_at, said_stream = n.said_stream, said_seq = n.said_seq, listing = n.listing "
    "FROM (SELECT r.*, %s::timestamptz AS said_at, %s::text AS said_stream, %s::bigint AS said_seq, "
    f"%s::bigint AS listing FROM jsonb_to_recordset(%s::jsonb) AS r({_SHAPE})) AS n "
    f"WHERE t.station_id = %s AND t.path = n.path AND {_IS_NEWER}"
)
_ADD = (
    "INSERT INTO holdings_heldfile (station_id, path, octets, sha256, modified_at, first_at, last_at, lines, is_gone, "  # noqa: S608 - our own words
    "said_at, said_stream, said_seq, listing, first_told_at) "
    "SELECT %s::bigint, n.path, n.octets, n.sha256, n.modified_at, n.first_at, n.last_at, n.lines, false, "
    "%s::timestamptz, %s::text, %s::bigint, %s::bigint, %s::timestamptz "
    f"FROM jsonb_to_recordset(%s::jsonb) AS n({_SHAPE})"
)
_FORGET = (
    "DELETE FROM holdings_heldfile WHERE id IN (SELECT id FROM holdings_heldfile WHERE station_id = %s AND is_gone "
    "ORDER BY said_at, id LIMIT %s) RETURNING id"
)
_LISTED = (
    "UPDATE holdings_heldfile SET is_gone = true WHERE station_id = %s AND NOT is_gone AND "
    "CASE WHEN said_stream = %s THEN listing < %s ELSE said_at <= %s OR said_at > %s END"
)
#: The end of an upload applies only to the content that it names. A stored content fulfils a person's request.
_ENDED = (
    'UPDATE holdings_heldfile t SET "end" = n."end", end_reason = n.reason, ended_at = %s, asked_until = NULL, '
    "octets_sent = t.octets_sent + n.sent, "
    "wanted_at = CASE WHEN n.\"end\" IN ('stored', 'known') THEN NULL ELSE t.wanted_at END "
    'FROM jsonb_to_recordset(%s::jsonb) AS n(path text, sha256 text, "end" text, reason text, sent bigint) '
    "WHERE t.station_id = %s AND t.path = n.path AND t.sha256 = n.sha256"
)
_SUMS = ("held", "held_octets", "waiting", "waiting_octets")


def write_manifests(work: Round) -> None:
    """Store the batch's manifests, one message after the other."""
    batch = work.batch
    if not batch.manifests:
        return
    _lock(sorted({told.station_id for told in batch.manifests}))
    for told in batch.manifests:
        refused = _files_write(told, batch)
        if told.body.uploads:
            ends = [
                {"path": each.path, "sha256": each.sha256, "end": each.end, "reason": each.reason, "sent": each.sent}
                for each in told.body.uploads
            ]
            cursor().execute(_ENDED, [batch.moment, _json(ends), told.station_id])
        if told.body.is_listed:
            _listed(told, batch)
        _holding_write(told, refused, batch)


def _lock(station_ids: Sequence[int]) -> None:
    """Keep two workers from writing the files of one station at the same time."""
    cursor().execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('holdings ' || k.id, 0)) "
        "FROM (SELECT id FROM unnest(%s::bigint[]) AS u(id) ORDER BY id) AS k",
        [numbers(station_ids)],
    )


def _files_write(told: ToldManifest, batch: Batch) -> int:
    """Store the files of one message; return how many had no room."""
    files = {file.path: file for file in told.body.files}
    if not files:
        return 0
    known = {
        row[0]
        for row in cursor().execute(
            "SELECT path FROM holdings_heldfile WHERE station_id = %s AND path = ANY(%s::text[])",
            [told.station_id, list(files)],
        )
    }
    place = (moment_of(told.body.at), told.stream, told.seq, told.body.listing)
    changes = [_record(file) for path, file in files.items() if path in known]
    if changes:
        cursor().execute(_CHANGE, [*place, _json(changes), told.station_id, batch.moment])
    # Skip unknown files that are gone or still grow: a growing file is reported again when it is complete.
    news = [_record(file) for path, file in files.items() if path not in known and file.sha256]
    room = _room(told.station_id, len(news)) if news else 0
    if news[:room]:
        cursor().execute(_ADD, [told.station_id, *place, batch.moment, _json(news[:room])])
    return len(news) - len(news[:room])


def _room(station_id: int, needed: int) -> int:
    """How many more files have room; if needed, files that are gone are deleted, the longest unreported first."""
    counted = cursor().execute("SELECT count(*) FROM holdings_heldfile WHERE station_id = %s", [station_id]).fetchone()
    room = HELD_MOST - int(counted[0] if counted else 0)
    if room < needed:
        room += len(cursor().execute(_FORGET, [station_id, needed - room]).fetchall())
    return max(room, 0)


def _listed(told: ToldManifest, batch: Batch) -> None:
    """Mark files as gone that no message of this listing, now complete, has named."""
    at = moment_of(told.body.at)
    ahead = moment_of(batch.received_at + AHEAD_S)
    cursor().execute(_LISTED, [told.station_id, told.stream, told.body.listing, at, ahead])


def _holding_write(told: ToldManifest, refused: int, batch: Batch) -> None:
    body = told.body
    sums = (body.held, body.held_bytes, body.waiting, body.waiting_bytes)
    cursor().execute(
        f"INSERT INTO holdings_stationholding AS t (station_id, said_at, said_stream, said_seq, received_at, "  # noqa: S608 - our own names
        f'{", ".join(_SUMS)}, "left", network, listed_at, refused, refused_listing) '
        f"VALUES (%s, %s, %s, %s, %s, {', '.join('%s' for _ in _SUMS)}, %s::jsonb, %s, %s, %s, %s) "
        "ON CONFLICT (station_id) DO UPDATE SET said_at = excluded.said_at, said_stream = excluded.said_stream, "
        "said_seq = excluded.said_seq, received_at = excluded.received_at, "
        f'{", ".join(f"{name} = excluded.{name}" for name in _SUMS)}, "left" = excluded."left", '
        "network = excluded.network, listed_at = coalesce(excluded.listed_at, t.listed_at) "
        f"WHERE {_IS_NEWER.replace('n.', 'excluded.')}",
        [
            *(told.station_id, moment_of(body.at), told.stream, told.seq, batch.moment, *sums),
            *(_json(body.left), body.network[:32], batch.moment if body.is_listed else None),
            *(0, body.listing, batch.moment),
        ],
    )
    # A later listing repeats the files that an earlier one had no room for.
    cursor().execute(
        "UPDATE holdings_stationholding SET refused = CASE WHEN refused_listing = %s THEN refused ELSE 0 END + %s, "
        "refused_listing = %s WHERE station_id = %s AND (refused_listing != %s OR %s > 0)",
        [body.listing, refused, body.listing, told.station_id, body.listing, refused],
    )


def _record(file: ToldFile) -> dict[str, object]:
    return {
        "path": file.path,
        "octets": file.size,
        "sha256": "" if file.is_gone or file.is_growing else file.sha256,
        "modified_at": None if file.modified is None else moment_of(file.modified),
        "first_at": None if file.first is None else moment_of(file.first),
        "last_at": None if file.last is None else moment_of(file.last),
        "lines": file.lines,
        "is_gone": file.is_gone,
        "is_growing": file.is_growing,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
