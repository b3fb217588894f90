"""The folder in which pieces are laid out, and stored archives that stay there from one turn to the next.

An archive is copied out of the store and compared with its SHA-256 once, not in each turn. It stays as long as a
back-fill stands in its middle; all together take `KEPT_BYTES`, or one archive. When a disk has no room for something
else, they go first: the next turn copies them again.
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

#: Bytes of archives that stay, if there is more than one.
KEPT_BYTES: Final = 20_000_000_000
_COPIED: Final = 1_048_576
ROTTEN: Final = "Its bytes on the server are no longer what was uploaded: upload it again."


def workroom() -> Path:
    """The folder, beside the parts of uploads: the disk for temporary files may be small."""
    path = Path(settings.MEDIA_ROOT) / "backfill"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def workroom_clear(kept: Collection[str] = ()) -> None:
    """Remove what killed workers left, and archives with other SHA-256 than these. Call it while nobody reads pieces."""
    archives = _archives()
    for found in archives.iterdir():
        if found.name not in kept:
            found.unlink(missing_ok=True)
    for found in workroom().iterdir():
        if found != archives:
            _remove(found)


def room_check(path: str, octets: int) -> None:
    """Raise `Unavailable` if the disk has no room for so many bytes of this stored file, even without kept archives."""
    if parts_room() >= octets + ROOM_LEAST:
        return
    for found in _archives().iterdir():
        # One that is open is read to the end of this turn.
        found.unlink(missing_ok=True)
    if parts_room() < octets + ROOM_LEAST:
        raise Unavailable(_("The disk of the server has no room to read %(path)s.") % {"path": path})


def content_lay(revision: FileRevision, path: Path) -> str:
    """Copy a stored content to a new file; return why it was not, or nothing."""
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
    """A stored archive as a file, and why it is none, or nothing. Raises `Unavailable` without room.

    It is removed when it was read to its end, or cannot be read; a reader that ends before leaves it to the next turn.
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
    """A stored archive to be read as a stream, and why it cannot be, or nothing. Without room, it is read in the store."""
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
    """Say why bytes cannot be had."""
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
    """Remove a file or a folder, however deep: inner folders are moved up first, as recursion ends at some depth."""
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
            # It takes room and nothing else; the next turn tries again.
            _log.exception("The folder %s of a back-fill could not be removed", folder)
