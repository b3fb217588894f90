"""The folder for the files of pieces, and for copies of stored archives that are kept from one turn to the next.

An archive is copied out of the store and compared with its SHA-256 once, not in each turn. Its copy stays while a
back-fill has read only part of it. All copies together take at most `KEPT_BYTES`, unless a single one is larger. If the
disk has no room for a piece, the copies are removed first: the next turn makes them again.
"""

import hashlib
import logging
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.errors import Unavailable
from fleet.files.models import FileRevision
from fleet.files.store.contents import content_digest, content_open
from fleet.files.store.parts import parts_room
from fleet.files.store.uploads import ROOM_LEAST
from fleet.ingest.backfill.tar import disk_check

_log = logging.getLogger("roost.backfill")

#: Maximum bytes of all archives that are kept; a single one may be larger.
KEPT_BYTES: Final = 20_000_000_000
_COPIED: Final = 1_048_576
ROTTEN: Final = "Its bytes on the server are no longer what was uploaded: upload it again."


def workroom() -> Path:
    """The folder for back-fills, on the disk of the uploads, because the disk for temporary files may be small."""
    path = Path(settings.MEDIA_ROOT) / "backfill"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def workroom_clear(kept: Collection[str] = ()) -> None:
    """Remove leftovers of killed workers, and archives whose SHA-256 is not in `kept`. Nobody may be reading pieces."""
    archives = _archives()
    for found in archives.iterdir():
        if found.name not in kept:
            found.unlink(missing_ok=True)
    for found in workroom().iterdir():
        if found != archives:
            _remove(found)


def room_check(path: str, octets: int) -> None:
    """Make room for this many bytes of a stored file, removing kept archives if needed. Raises `Unavailable`."""
    if parts_room() >= octets + ROOM_LEAST:
        return
    for found in _archives().iterdir():
        # An archive that is open can still be read after this, to the end of the turn.
        found.unlink(missing_ok=True)
    if parts_room() < octets + ROOM_LEAST:
        raise Unavailable(_("The disk of the server has no room to read %(path)s.") % {"path": path})


def content_lay(revision: FileRevision, path: Path) -> str:
    """Copy a stored content to a new file; return why that failed, or an empty text."""
    content, digest = revision.content, hashlib.sha256()
    try:
        with content_open(content) as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as laid:
                while some := opened.read(_COPIED):
                    digest.update(some)
                    laid.write(some)
    except OSError as error:
        disk_check(error)
        return missing(error)
    if digest.hexdigest() != content.sha256:
        path.unlink()
        return ROTTEN
    return ""


@contextmanager
def archive_laid(revision: FileRevision) -> Iterator[tuple[Path, str]]:
    """A stored archive as a file, and why it could not be copied, or an empty text. Raises `Unavailable` without room.

    The file is removed once it is read to its end, or if it cannot be read. A reader that stops earlier leaves it for
    the next turn.
    """
    content = revision.content
    path = _archives() / content.sha256
    if path.is_file() and path.stat().st_size == content.octets:
        yield path, ""
        path.unlink(missing_ok=True)
        return
    room_check(revision.file.path, content.octets)
    with TemporaryDirectory(dir=workroom()) as folder:
        laid = Path(folder) / "archive"
        reason = content_lay(revision, laid)
        if not reason and _may_stay(content.octets):
            laid.replace(path)
            laid = path
        yield laid, reason
        path.unlink(missing_ok=True)


@contextmanager
def archive_opened(revision: FileRevision) -> Iterator[tuple[BinaryIO | None, str]]:
    """A stored archive as a stream, or None and the reason. Without room for a copy, it is read from the store."""
    content = revision.content
    if not (_archives() / content.sha256).is_file() and parts_room() < content.octets + ROOM_LEAST:
        if content_digest(content) != content.sha256:
            yield None, ROTTEN
            return
        with content_open(content) as opened:
            yield opened, ""
        return
    with archive_laid(revision) as (path, reason):
        if reason:
            yield None, reason
            return
        with path.open("rb") as opened:
            yield opened, ""


def missing(error: OSError) -> str:
    """The reason why bytes are not available, as a sentence."""
    if isinstance(error, FileNotFoundError):
        return "Its bytes are missing on the server: upload it again."
    return f"It cannot be read: {error.strerror or error}."


def _archives() -> Path:
    path = workroom() / "archives"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _may_stay(octets: int) -> bool:
    others = [found.stat().st_size for found in _archives().iterdir()]
    return not others or sum(others) + octets <= KEPT_BYTES


def _remove(path: Path) -> None:
    """Remove a file or a folder of any depth; inner folders are moved up first, because recursion has a limit."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in list(entries):
                    if entry.is_dir(follow_symlinks=False):
                        moved = workroom() / f"gone-{uuid.uuid4().hex}"
                        Path(entry.path).rename(moved)
                        waiting.append(moved)
                    else:
                        Path(entry.path).unlink()
            folder.rmdir()
        except OSError:
            # The rest only takes space; the next turn tries again.
            _log.exception("The folder %s of a back-fill could not be removed", folder)
