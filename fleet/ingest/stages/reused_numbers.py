"""Numbers that a client without runs uses again: either a message is repeated, or its counter restarted.

known number, no run ─▶ accepted: its rows, each stored once, tell which it is. Readings timed by their receipt cannot
                        tell and count as a repeat
                     ─▶ refused: kept, unless quarantine has the same body under this number
"""

import hashlib

from fleet.ingest.database import cursor, names, numbers
from fleet.ingest.delivery import LEFT_OUT, Refusal
from fleet.ingest.ledger import Number
from fleet.ingest.round import Round
from fleet.telemetry.ledger import FILE_STREAM_PREFIXES

#: Station id, stream, number and the body's SHA-256.
_Name = tuple[int, str, int, bytes]


def may_be_reused(number: Number) -> bool:
    """Whether a known number may come with a different message.

    Not from an agent, whose run says who wrote a number, and not in a file's stream, which is named after its contents.
    """
    return not number.run and not number.stream.startswith(FILE_STREAM_PREFIXES)


def settle_refusals(work: Round) -> None:
    """Leave out refusals that quarantine already has; count the others as quarantined instead of as repeats."""
    reused = [refusal for refusal in work.refusals if refusal.delivery.is_reused]
    if not reused:
        return
    here = _held([_name(refusal) for refusal in reused])
    here |= {_name(each) for each in work.refusals if each.delivery.number and not each.delivery.is_reused}
    kept: list[Refusal] = []
    for refusal in work.refusals:
        if refusal.delivery.is_reused:
            name, is_part = _name(refusal), refusal.reason == LEFT_OUT
            if name in here:
                work.outcome.partial -= is_part
                continue
            here.add(name)
            work.outcome.repeats -= not is_part
        kept.append(refusal)
    work.refusals = kept


def _held(wanted: list[_Name]) -> set[_Name]:
    """The wanted messages that are in quarantine, in any state."""
    rows = cursor().execute(
        "SELECT q.station_id, q.stream, q.seq, sha256(q.body) FROM ingest_quarantinedmessage q "
        "JOIN (SELECT DISTINCT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])) AS k(station_id, stream, seq) "
        "ON k.station_id = q.station_id AND k.stream = q.stream AND k.seq = q.seq WHERE q.seq IS NOT NULL",
        [numbers([n[0] for n in wanted]), names([n[1] for n in wanted]), numbers([n[2] for n in wanted])],
    )
    return {(station_id, stream, seq, bytes(digest)) for station_id, stream, seq, digest in rows.fetchall()}


def _name(refusal: Refusal) -> _Name:
    stream, seq = refusal.delivery.number or ("", 0)
    station_id = refusal.station.id if refusal.station else 0
    return station_id, stream, seq, hashlib.sha256(refusal.delivery.body).digest()
