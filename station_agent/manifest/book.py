"""The held files in the database: signature, SHA-256, and whether the server was told."""

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

from message_queue.contracts.manifest import ToldFile
from station_agent.database import Database
from station_agent.manifest.walk import FoundFile, FoundFolder, Signature

#: `told`: 1 once a message names the file as it is now. `was_told`: 1 if a message ever named it, 2 if one must also
#: say that it changes. `is_full`: the message said what the file contains, or that will never be known.
SCHEMA = """
CREATE TABLE IF NOT EXISTS held_files (
    name TEXT PRIMARY KEY,
    folder TEXT NOT NULL,
    account TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    was_told INTEGER NOT NULL,
    told INTEGER NOT NULL,
    is_full INTEGER NOT NULL,
    is_gone INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_files_folder ON held_files (folder);
DROP INDEX IF EXISTS held_files_untold;
CREATE INDEX IF NOT EXISTS held_files_next ON held_files (told, name);
"""
#: A file that was told and changes now is named in a listing, so that the server does not take it for gone.
_READY = "told = 0 AND (is_gone = 1 OR sha256 != '' OR was_told = 2)"
#: Sorts after every name, because names are printable text.
NAMES_END = chr(0x10FFFF)


class Sums(NamedTuple):
    """Number and bytes of files whose SHA-256 is known, and of those that wait for it."""

    held: int
    held_bytes: int
    waiting: int
    waiting_bytes: int


class ManifestBook:
    """The held files. Every change is a transaction of the agent's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def folder_note(self, folder: FoundFolder) -> None:
        """Note the files of a folder: new, changed and missing ones."""
        with self._database.reading() as sql:
            known = {
                row[0]: (Signature(*row[1:4]), bool(row[4]))
                for row in sql.execute(
                    "SELECT name, size, mtime, inode, is_gone FROM held_files WHERE folder = ?", (folder.name,)
                )
            }
        here = {file.name: file for file in folder.files}
        news = [file for file in folder.files if known.get(file.name) != (file.signature, False)]
        gone = [name for name, (_, is_gone) in known.items() if name not in here and not is_gone]
        if not folder.is_readable:
            # A folder that cannot be read now still holds its files.
            gone = []
        if news or gone:
            with self._database.transaction() as sql:
                sql.executemany(
                    "INSERT INTO held_files VALUES (?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0) ON CONFLICT (name) DO UPDATE SET "
                    "size = excluded.size, mtime = excluded.mtime, inode = excluded.inode, sha256 = '', told = 0, "
                    "is_full = 0, is_gone = 0, "
                    # If a listing was about to name the file, it must say that it changes.
                    "was_told = CASE WHEN held_files.was_told > 0 AND held_files.told = 0 AND "
                    "(held_files.sha256 != '' OR held_files.is_gone = 1) THEN 2 ELSE held_files.was_told END",
                    [(file.name, folder.name, file.account, *file.signature) for file in news],
                )
                _gone_note(sql, gone)

    def folders_end(self, seen: set[str], unreadable: set[str], prefixes: Collection[str]) -> None:
        """After a walk, note files in folders that no longer exist as gone, except below an unreadable folder.

        `prefixes`: names of the data folders.
        """
        with self._database.reading() as sql:
            folders = [row[0] for row in sql.execute("SELECT DISTINCT folder FROM held_files WHERE is_gone = 0")]
        for folder in folders:
            if folder not in seen and not any(_is_below(folder, each, prefixes) for each in unreadable):
                self.folder_note(FoundFolder(folder, []))

    def unhashed(self, most: int, *, before: str = NAMES_END) -> list[FoundFile]:
        """Files without a SHA-256, last name first: names begin with a day. `before`: only names before this one."""
        with self._database.reading() as sql:
            rows = sql.execute(
                "SELECT name, account, size, mtime, inode FROM held_files WHERE sha256 = '' AND is_gone = 0 "
                "AND name < ? ORDER BY name DESC LIMIT ?",
                (before, most),
            ).fetchall()
        return [FoundFile(row[0], row[1], Signature(*row[2:])) for row in rows]

    def hash_note(self, file: FoundFile, sha256: str) -> None:
        """Note the SHA-256 of a file with this signature."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE held_files SET sha256 = ?, told = 0 WHERE name = ? AND size = ? AND mtime = ? AND inode = ?",
                (sha256, file.name, *file.signature),
            )

    def find(self, name: str) -> tuple[Signature, str] | None:
        """Signature and SHA-256 of a file that is there; None for any other name."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT size, mtime, inode, sha256 FROM held_files WHERE name = ? AND is_gone = 0", (name,)
            ).fetchone()
        return (Signature(*row[:3]), row[3]) if row else None

    def sums(self) -> Sums:
        """Totals of all files that are there."""
        with self._database.reading() as sql:
            row = sql.execute(
                "SELECT coalesce(sum(sha256 != ''), 0), coalesce(sum((sha256 != '') * size), 0), "
                "coalesce(sum(sha256 = ''), 0), coalesce(sum((sha256 = '') * size), 0) FROM held_files "
                "WHERE is_gone = 0"
            ).fetchone()
        return Sums(*row)

    def untold(self, most: int) -> list[tuple[str, ToldFile]]:
        """Files that can be told now, last name first, each with the path of its account."""
        with self._database.reading() as sql:
            rows = sql.execute(
                f"SELECT name, account, size, mtime, sha256, is_gone FROM held_files WHERE {_READY} "  # noqa: S608 - constant
                "ORDER BY name DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [(account, _held(*row)) for account, *row in ((row[1], row[0], *row[2:]) for row in rows)]

    def told(self, files: Iterable[tuple[ToldFile, bool]]) -> None:
        """Note that a message names these files, and whether it says all about them. Call it in its transaction."""
        with self._database.transaction() as sql:
            for file, is_full in files:
                if file.is_gone:
                    sql.execute("DELETE FROM held_files WHERE name = ? AND is_gone = 1", (file.path,))
                else:
                    sql.execute(
                        "UPDATE held_files SET told = 1, was_told = 1, is_full = ? WHERE name = ? AND sha256 = ?",
                        (is_full, file.path, file.sha256),
                    )

    def all_untell(self) -> None:
        """Mark everything to be told again."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE held_files SET told = 0, is_full = 0, "
                "was_told = CASE WHEN was_told > 0 AND sha256 = '' AND is_gone = 0 THEN 2 ELSE was_told END"
            )

    def filled_untell(self) -> None:
        """Mark files to be told again whose contents have become known since they were told."""
        with self._database.transaction() as sql:
            sql.execute(
                "UPDATE held_files SET told = 0 WHERE told = 1 AND is_full = 0 AND account IN "
                "(SELECT path FROM file_accounts WHERE state != 'open')"
            )


def _is_below(folder: str, upper: str, prefixes: Collection[str]) -> bool:
    if upper:
        return folder.startswith(f"{upper}/")
    # The data folder without a name contains everything that is not in another one.
    return not any(folder == each or folder.startswith(f"{each}/") for each in prefixes if each)


def _gone_note(sql: sqlite3.Connection, names: list[str]) -> None:
    """Mark files as gone that the server knows, and forget the others."""
    for name in names:
        sql.execute("DELETE FROM held_files WHERE name = ? AND was_told = 0", (name,))
        sql.execute("UPDATE held_files SET is_gone = 1, told = 0, sha256 = '' WHERE name = ?", (name,))


def _held(name: str, size: int, mtime: int, sha256: str, is_gone: int) -> ToldFile:
    if is_gone or not sha256:
        return ToldFile(path=name, is_gone=bool(is_gone), is_growing=not is_gone)
    return ToldFile(path=name, size=size, modified=round(mtime / 1e9), sha256=sha256)
