"""Pulses counted by hour and port, across files; each hour's count is sent once."""

from collections.abc import Iterable
from typing import NamedTuple

from message_queue.contracts.readings import SenmlRecord
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS pulse_counts (
    hour INTEGER NOT NULL,
    port INTEGER NOT NULL,
    pulses INTEGER NOT NULL,
    late INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, port)
) WITHOUT ROWID;
"""

HOUR = 3_600
_HOUR_MICROSECONDS = HOUR * 1_000_000


class PulseHour(NamedTuple):
    """Pulses of one port in one hour; `hour` is its start in seconds since 1970 UTC."""

    hour: int
    port: int
    pulses: int


def records_make(counts: list[PulseHour]) -> list[SenmlRecord]:
    """The counts as a SenML pack."""
    base = float(counts[0].hour)
    return [
        SenmlRecord(
            n=f"port{count.port}/pulses",
            v=float(count.pulses),
            t=count.hour - base,
            u="count",
            bt=None if index else base,
        )
        for index, count in enumerate(counts)
    ]


class PulseCounts:
    """The counts in the database. An hour's row is final once it is sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pulses: Iterable[tuple[int, int]]) -> None:
        """Count pulses given as (port, microseconds). Pulses for an hour already sent are counted separately as late."""
        counted: dict[tuple[int, int], int] = {}
        for port, at in pulses:
            key = (at // _HOUR_MICROSECONDS * HOUR, port)
            counted[key] = counted.get(key, 0) + 1
        with self._database.transaction() as sql:
            sql.executemany(
                "INSERT INTO pulse_counts (hour, port, pulses) VALUES (?, ?, ?) ON CONFLICT (hour, port) DO UPDATE SET "
                "pulses = pulses + iif(sent, 0, excluded.pulses), late = late + iif(sent, excluded.pulses, 0)",
                [(hour, port, number) for (hour, port), number in counted.items()],
            )

    def take(self, before: float, ahead: float | None = None) -> list[PulseHour]:
        """The counts of the hours that ended by `before` or begin after `ahead`, now marked as sent.

        Call it in the outbox's transaction.
        """
        with self._database.transaction() as sql:
            rows = sql.execute(
                "SELECT hour, port, pulses FROM pulse_counts WHERE sent = 0 AND (hour + 3600 <= ? OR hour > ?) "
                "ORDER BY hour, port LIMIT 500",
                (before, ahead),
            ).fetchall()
            sql.executemany(
                "UPDATE pulse_counts SET sent = 1 WHERE hour = ? AND port = ?", [(hour, port) for hour, port, _ in rows]
            )
        return [PulseHour(*row) for row in rows]

    def late(self) -> list[PulseHour]:
        """Pulses that arrived after their hour's count was sent; each is reported once."""
        with self._database.transaction() as sql:
            rows = sql.execute("SELECT hour, port, late FROM pulse_counts WHERE late > 0 LIMIT 500").fetchall()
            sql.executemany(
                "UPDATE pulse_counts SET late = 0 WHERE hour = ? AND port = ?", [(hour, port) for hour, port, _ in rows]
            )
        return [PulseHour(*row) for row in rows]
