"""Notes that an hour of a series got rows, so that its roll-ups are rebuilt; one note serves many batches."""

import time
from collections.abc import Collection

from fleet.ingest.database import cursor, numbers
from fleet.telemetry.rollups import RELIED_S

#: Microseconds in an hour.
HOUR = 3_600 * 1_000_000
_REMEMBERED_MOST = 200_000

#: A series' id, and an hour in hours since 2000-01-01 UTC.
Hour = tuple[int, int]


class NotedHours:
    """Hours that this worker noted recently, whose new rows need no further note yet.

    `fleet.telemetry.rollups` consumes no note on which a transaction may still rely, so a note covers everything
    written within `RELIED_S` of it. Notes are kept in two generations of half that time each. Not thread-safe.
    """

    def __init__(self) -> None:
        self._young: set[Hour] = set()
        self._old: set[Hour] = set()
        self._fresh: set[Hour] = set()
        self._born = self._asked = time.monotonic()

    def write(self, hours: set[Hour]) -> None:
        """Note the hours that are not noted yet, in the current transaction."""
        # Before the statement, so that we never rely on a note for longer than its own time allows.
        self._asked = time.monotonic()
        self._age()
        self._fresh = hours - self._young - self._old
        if not self._fresh:
            return
        # In the same order by all workers, so that two with the same hours cannot deadlock. The moment is part of the
        # key: a conflict is with a note just like this one, so nothing is dropped.
        pairs = sorted(self._fresh)
        cursor().execute(
            "INSERT INTO telemetry_dirtyhour (series_id, hour, noted_at) SELECT n.series_id, timestamptz '2000-01-01 "
            "00:00:00+00' + n.hour * interval '1 hour', statement_timestamp() FROM unnest(%s::bigint[], %s::bigint[]) "
            "AS n(series_id, hour) ON CONFLICT DO NOTHING",
            [numbers([pair[0] for pair in pairs]), numbers([pair[1] for pair in pairs])],
        )

    @property
    def fresh(self) -> Collection[Hour]:
        """The hours that the current batch noted."""
        return self._fresh

    def keep(self) -> None:
        """Remember what the batch noted, once it is committed."""
        self._young |= self._fresh
        self._fresh = set()

    def drop(self) -> None:
        """Forget the batch's notes, because it was rolled back."""
        self._fresh = set()

    def forget(self) -> None:
        """Forget all notes."""
        self._young, self._old, self._fresh = set(), set(), set()

    def _age(self) -> None:
        if self._asked - self._born < RELIED_S / 2 and len(self._young) < _REMEMBERED_MOST:
            return
        # After a long time without a batch, the young notes are too old as well.
        self._old = self._young if self._asked - self._born < RELIED_S / 2 + 60 else set()
        self._young, self._born = set(), self._asked
