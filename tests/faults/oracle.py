"""The judge: it compares the publisher's own book with the delivery ledger and with the rows, number by number."""

from collections import Counter
from dataclasses import asdict, dataclass, field

from faults.messages import BEGIN, PULSES, place_of, rows_of
from faults.publisher import Publishing, Sender
from faults.rig import Rig


@dataclass
class Verdict:
    """The result of one case, in the terms of Jepsen's reports.

    lost         confirmed by the broker, but neither in rows nor in quarantine
    doubled      rows, or counts, beyond what was sent once
    unexpected   in the database but never sent
    unaccounted  numbers on which ledger and rows (or quarantine) disagree, or messages with only part of their rows
    """

    case: str
    seed: int
    #: Numbers in the documentation's catalogue of faults; several if one run shows several.
    number: str = ""
    sent: int = 0
    confirmed: int = 0
    repeats: int = 0
    lost: int = 0
    doubled: int = 0
    unexpected: int = 0
    unaccounted: int = 0
    recovered_s: float | None = None
    note: str = ""
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.unexpected or self.unaccounted)

    def row(self) -> dict[str, object]:
        """Its row in the report."""
        row = asdict(self)
        del row["details"]
        return row


def judge(rig: Rig, publishing: Publishing, verdict: Verdict) -> Verdict:
    """Add up the results for every number of every stream of a case."""
    for sender in publishing.senders:
        _judge_stream(rig, sender, publishing, verdict)
    return verdict


def _judge_stream(rig: Rig, sender: Sender, publishing: Publishing, verdict: Verdict) -> None:
    stream = sender.stream
    sent, confirmed = publishing.book.numbers("sent", stream), publishing.book.numbers("confirmed", stream)
    ledger, messages, repeats = _ledger(rig, sender)
    rows = _rows(rig, sender)
    held = _quarantined(rig, sender)
    whole = {seq for seq, count in rows.items() if count >= rows_of(seq)}
    here = whole | held
    verdict.sent += len(sent)
    verdict.confirmed += len(confirmed)
    verdict.repeats += repeats
    verdict.lost += len(confirmed - here) + len(confirmed - ledger - (confirmed - here))
    verdict.doubled += sum(max(count - rows_of(seq), 0) for seq, count in rows.items())
    verdict.doubled += messages - len(ledger) + _counted_twice(rig, sender, rows)
    verdict.unexpected += len((set(rows) | ledger | held) - sent)
    verdict.unaccounted += len(ledger ^ (set(rows) | held)) + len(set(rows) - whole) + len(whole & held)
    if not verdict.is_clean:
        verdict.details.append(
            f"{stream}: not here {sorted(confirmed - here)[:10]}, not in the ledger {sorted(confirmed - ledger)[:10]}, "
            f"in the ledger only {sorted(ledger - here)[:10]}, rows only {sorted(here - ledger)[:10]}, "
            f"never sent {sorted((set(rows) | ledger) - sent)[:10]}, "
            f"more rows than sent {[seq for seq, n in rows.items() if n > rows_of(seq)][:10]}, "
            f"in quarantine {sorted(held)[:10]}"
        )


def _ledger(rig: Rig, sender: Sender) -> tuple[set[int], int, int]:
    """Numbers in the delivery ledger, its count of messages, and its count of repeats."""
    found = rig.query(
        "SELECT l.received, l.messages, l.repeats FROM telemetry_streamledger l "
        "JOIN stations_station s ON s.id = l.station_id WHERE s.serial = %s AND l.stream = %s",
        sender.serial,
        sender.stream,
    )
    if not found:
        return set(), 0, 0
    ranges, messages, repeats = found[0]
    return {seq for part in ranges for seq in range(part.lower, part.upper)}, messages, repeats


def _rows(rig: Rig, sender: Sender) -> Counter[int]:
    """Number of rows for each message number."""
    rows: Counter[int] = Counter()
    readings = rig.query(
        "SELECT r.value, count(*) FROM telemetry_reading r JOIN telemetry_series s ON s.id = r.series_id "
        "JOIN stations_station t ON t.id = s.station_id WHERE t.serial = %s AND s.name IN (%s, %s) GROUP BY 1",
        sender.serial,
        f"{sender.stream}:abs",
        f"{sender.stream}:rel",
    )
    for value, count in readings:
        rows[int(value)] += count
    port, line = place_of(sender.stream)
    pulses = rig.query(
        "SELECT floor(extract(epoch FROM d.occurred_at))::bigint, count(*) FROM telemetry_detection d "
        "JOIN stations_station t ON t.id = d.station_id "
        "WHERE t.serial = %s AND d.port = %s AND d.line BETWEEN %s AND %s GROUP BY 1",
        sender.serial,
        port,
        line,
        line + 999_999,
    )
    for second, count in pulses:
        rows[int(second) - BEGIN] += count
    return rows


def _quarantined(rig: Rig, sender: Sender) -> set[int]:
    found = rig.query(
        "SELECT q.seq FROM ingest_quarantinedmessage q JOIN stations_station t ON t.id = q.station_id "
        "WHERE t.serial = %s AND q.stream = %s",
        sender.serial,
        sender.stream,
    )
    return {seq for (seq,) in found}


def _counted_twice(rig: Rig, sender: Sender, rows: Counter[int]) -> int:
    """By how much the added figures (pulses per hour, lines per file) exceed the rows."""
    port, _ = place_of(sender.stream)
    pulses = sum(count for seq, count in rows.items() if rows_of(seq) == PULSES)
    hours = rig.query(
        "SELECT coalesce(sum(c.count), 0)::bigint - (SELECT count(*) FROM telemetry_detection d "
        "WHERE d.station_id = t.id AND d.port = %s) FROM stations_station t "
        "LEFT JOIN telemetry_detectioncount c ON c.station_id = t.id AND c.port = %s WHERE t.serial = %s GROUP BY t.id",
        port,
        port,
        sender.serial,
    )[0][0]
    lines = rig.query(
        "SELECT coalesce(sum(f.rows), 0)::bigint FROM files_stationfile f "
        "JOIN stations_station t ON t.id = f.station_id WHERE t.serial = %s AND f.name = %s",
        sender.serial,
        sender.stream,
    )[0][0]
    return abs(hours) + abs(lines - pulses)
