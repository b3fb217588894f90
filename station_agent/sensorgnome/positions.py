"""Reading positions in the data files, stored in the same transaction as the messages that carry the lines."""

import json

from formats.sensorgnome.bursts import Heard
from formats.sensorgnome.position import FilePosition
from station_agent.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    line INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    recent TEXT NOT NULL,
    head BLOB NOT NULL,
    done INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS headings (path TEXT PRIMARY KEY, heading TEXT NOT NULL) WITHOUT ROWID;
"""
# Headings have a table of their own, so that an older agent can still write to `files`.
_READ = (
    "SELECT path, offset, line, last_at, recent, head, done, size, coalesce(heading, '') "
    "FROM files LEFT JOIN headings USING (path)"
)


class FilePositions:
    """The positions in all files, by path within the data folder, without `.gz`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, FilePosition]:
        """All known positions."""
        with self._database.reading() as sql:
            rows = sql.execute(_READ).fetchall()
        return {row[0]: _position(row) for row in rows}

    def read(self, path: str) -> FilePosition | None:
        """The position in one file."""
        with self._database.reading() as sql:
            row = sql.execute(f"{_READ} WHERE path = ?", (path,)).fetchone()
        return _position(row) if row else None

    def store(self, path: str, position: FilePosition) -> None:
        """Store the position; call it in the transaction that puts the lines into the outbox."""
        with self._database.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    path,
                    position.offset,
                    position.line,
                    position.last_at,
                    json.dumps(position.recent),
                    position.head,
                    position.done,
                    position.size,
                ),
            )
            if position.heading:
                sql.execute("INSERT OR REPLACE INTO headings VALUES (?, ?)", (path, position.heading))
            else:
                sql.execute("DELETE FROM headings WHERE path = ?", (path,))


def _position(row: tuple[str, int, int, int, str, bytes, int, int, str]) -> FilePosition:
    _, offset, line, at, recent, head, done, size, heading = row
    heard = tuple(Heard(*pulse) for pulse in json.loads(recent))
    return FilePosition(offset, line, at, heard, head, bool(done), size, heading)
