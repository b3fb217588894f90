"""The agent's SQLite file: committed rows survive a power cut, and a damaged file is set aside."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from station_agent.errors import AgentError

#: Version of the tables; a newer agent's file is not touched.
SCHEMA_VERSION = 1
_CIRCUMSTANCES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
#: Seconds that a second process (status, replay) may hold the file.
BUSY_SECONDS = 10.0


class Database:
    """One connection for all threads of the agent. Every change goes through `transaction`.

    `damaged` is where an unusable predecessor of this file was moved. `broken` means damage was found while it was
    open: only a restart helps, which sets the file aside.
    """

    def __init__(self, path: Path, schema: Iterable[str]) -> None:
        self.path = path
        self.damaged: Path | None = None
        self.broken = False
        self._schema = tuple(schema)
        self._lock = threading.RLock()
        self._depth = 0
        self._after_commit: list[Callable[[], None]] = []
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._suspect = path.with_name(path.name + ".suspect")
        if self._suspect.exists():
            self.damaged = self._set_aside()
        try:
            self._connection = self._open()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if _is_circumstance(error):
                raise AgentError(f"The outbox {path} cannot be opened: {error}.") from error
            self.damaged = self._set_aside()
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the file, check it and create the tables. Raises sqlite3.DatabaseError if it is damaged."""
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            # NORMAL would lose the last commits in a power cut, and FULL's 4,000 commits a second are far more than
            # needed.
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA journal_size_limit=4194304")
            self._check(connection)
            connection.execute("BEGIN IMMEDIATE")
            for statements in self._schema:
                for statement in _statements(statements):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self.path.chmod(0o600)
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise AgentError(
                f"The outbox {self.path} was written by a newer agent (version {version}, this one knows "
                f"{SCHEMA_VERSION}): install the newer agent again."
            )

    def _set_aside(self) -> Path:
        """Move the damaged file and its companions away, keeping their contents for a person to look at."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        target = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for ending in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + ending)
            with contextlib.suppress(FileNotFoundError):
                part.replace(target.with_name(target.name + ending))
        self._suspect.unlink(missing_ok=True)
        return target

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction, all or nothing. A nested one belongs to the outer one."""
        with self._lock, self._watch_damage():
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._after_commit.clear()
                    with contextlib.suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth:
                return
            try:
                self._connection.execute("COMMIT")
            except BaseException:
                self._after_commit.clear()
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
            calls, self._after_commit = self._after_commit, []
        for call in calls:
            call()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this once the running transaction is on disk; only once however often it is requested."""
        if call not in self._after_commit:
            self._after_commit.append(call)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for read-only queries."""
        with self._lock, self._watch_damage():
            yield self._connection

    @contextlib.contextmanager
    def _watch_damage(self) -> Iterator[None]:
        """Remember for the next start that the file turned out to be damaged although its check passed."""
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if type(error) in (sqlite3.DatabaseError, UnicodeDecodeError):
                self.broken = True
                self._suspect.touch()
            raise

    def shrink(self) -> None:
        """Give a few free pages back to the file system."""
        with self._lock:
            self._connection.execute("PRAGMA incremental_vacuum(256)").fetchall()

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._connection.close()


def _is_circumstance(error: Exception) -> bool:
    """Whether the file may be good and only its environment is at fault: locked, no permission, no space, a bad disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CIRCUMSTANCES


def _statements(text: str) -> Iterator[str]:
    """The statements of a script one by one; a trigger's inner semicolons do not end it."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
