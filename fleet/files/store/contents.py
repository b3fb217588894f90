"""Contents in the storage: saved under their SHA-256, checked, read and removed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from fleet.core import clock
from fleet.files.store.models import StoredContent
from fleet.files.store.parts import PIECE, part_path

#: The folder of contents in the storage; below it, one folder for each two first digits.
FOLDER = "store"


class _Part(File):  # type: ignore[type-arg]
    """A part as a file of Django's: a storage on the same disk moves it instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        """The path of the file. Django's storage moves files that have this method instead of copying them."""
        return str(self._path)


def content_name(sha256: str) -> str:
    """The name of a content in the storage."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}"


def content_lock(sha256: str) -> None:
    """Wait until nobody else saves or removes this content, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"content {sha256}"])


def content_save(*, upload_id: str, sha256: str, octets: int) -> StoredContent:
    """Move a checked part into the storage, unless its content is there and sound. Call it in a transaction."""
    content_lock(sha256)
    moment, content = clock.now(), StoredContent.objects.filter(sha256=sha256).first()
    if content is not None and content.state == StoredContent.State.KEPT and content_is_there(content):
        return content
    with _Part(part_path(upload_id)) as part:
        default_storage.save(content_name(sha256), part)
    _sync_folder(sha256)
    content, _is_new = StoredContent.objects.update_or_create(
        sha256=sha256,
        defaults={"octets": octets, "state": StoredContent.State.KEPT, "checked_at": moment},
        create_defaults={"octets": octets, "stored_at": moment, "checked_at": moment},
    )
    return content


@transaction.atomic
def content_remove(content: StoredContent) -> int:
    """Delete a content that no file has any more; return how many bytes that were."""
    content_lock(content.sha256)
    if content.revisions.exists() or not StoredContent.objects.filter(pk=content.pk).delete()[0]:
        return 0
    default_storage.delete(content_name(content.sha256))
    return content.octets


def content_open(content: StoredContent) -> Any:
    """The content, opened for reading. Raises `FileNotFoundError`."""
    return default_storage.open(content_name(content.sha256), "rb")


def content_path(content: StoredContent) -> Path:
    """The content's path on the disk."""
    return Path(default_storage.path(content_name(content.sha256)))


def content_is_there(content: StoredContent) -> bool:
    """Whether the storage has it, with its length; the scrub reads its bytes."""
    name = content_name(content.sha256)
    return default_storage.exists(name) and default_storage.size(name) == content.octets


def content_digest(content: StoredContent, *, most: int | None = None) -> str:
    """The SHA-256 of what the storage holds, or of its first bytes; empty if it is missing or cannot be read."""
    digest = hashlib.sha256()
    try:
        for piece in _pieces(content, most):
            digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def _pieces(content: StoredContent, most: int | None) -> Iterator[bytes]:
    left = content.octets if most is None else most
    with content_open(content) as opened:
        while left > 0 and (piece := opened.read(min(PIECE, left))):
            left -= len(piece)
            yield piece
        if most is None and opened.read(1):
            # Longer than it was.
            yield b"more"


def _sync_folder(sha256: str) -> None:
    """Put the new name on the disk too, as a power cut could otherwise lose it."""
    folder = os.open(Path(default_storage.path(content_name(sha256))).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
