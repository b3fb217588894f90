"""Contents on the disk or in the object store: saved under their SHA-256, checked, read and removed."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.core.files.storage.handler import InvalidStorageError
from django.db import connection, transaction

from fleet.core import clock
from fleet.files.store.away import away_rotten, away_silent, away_unset
from fleet.files.store.models import StoredContent
from fleet.files.store.parts import PIECE, part_path

#: The folder of contents in the storage; below it, one folder for each two first digits.
FOLDER = "store"
#: Seconds to store a content in the object store while its sender waits; seconds while nobody waits, and the bytes for
#: which each further second is allowed, the slowest rate that counts as working.
SECONDS_WAITED, SECONDS_LEAST, BYTES_PER_S = 30.0, 120.0, 4_000_000


class _Part(File):  # type: ignore[type-arg]
    """A part as a Django file that a storage on the same disk moves instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        """The path of the file. Django's storage moves files that have this method instead of copying them."""
        return str(self._path)


def content_name(sha256: str) -> str:
    """The name of a content in the storage."""
    return f"{FOLDER}/{sha256[:2]}/{sha256}"


def contents_place() -> StoredContent.Place:
    """The place of new contents."""
    return StoredContent.Place.OBJECTS if settings.ROOST_S3_BUCKET else StoredContent.Place.DISK


def contents_storage(place: str) -> Any:
    """Django's storage for this place. Raises `StoreAway` if the settings no longer name one."""
    try:
        return storages[place]
    except InvalidStorageError as error:
        raise away_unset() from error


def content_lock(sha256: str) -> None:
    """Wait until nobody else saves or removes this content, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"content {sha256}"])


def content_send(*, upload_id: str, sha256: str, octets: int, is_waited_for: bool) -> bool:
    """Copy a checked part to the object store, if contents go there and it is not there yet; return whether it did.

    Call it before the transaction of `content_save`: it may take long. Raises `StoreAway`.
    """
    if contents_place() != StoredContent.Place.OBJECTS:
        return False
    content = StoredContent.objects.filter(sha256=sha256, state=StoredContent.State.KEPT).first()
    if content is not None and content_is_there(content):
        return False
    seconds = SECONDS_WAITED if is_waited_for else SECONDS_LEAST + octets / BYTES_PER_S
    storage = contents_storage(StoredContent.Place.OBJECTS)
    storage.put(content_name(sha256), part_path(upload_id), sha256=sha256, until=time.monotonic() + seconds)
    return True


def content_save(*, upload_id: str, sha256: str, octets: int, is_sent: bool) -> StoredContent:
    """Give a checked part its row, and on the disk its place, unless its content is there and sound.

    `is_sent`: the answer of `content_send`. Call it in a transaction. Raises `StoreAway` if the object store lost the
    content that it was sent, or if the copy that made sending unnecessary was found damaged since: then send it.
    """
    content_lock(sha256)
    moment, content = clock.now(), StoredContent.objects.filter(sha256=sha256).first()
    if content is not None and content.state == StoredContent.State.KEPT and _is_at_its_place(content):
        return content
    place = contents_place()
    found = {"octets": octets, "place": place, "state": StoredContent.State.KEPT, "checked_at": moment}
    if place == StoredContent.Place.DISK:
        with _Part(part_path(upload_id)) as part:
            contents_storage(place).save(content_name(sha256), part)
        _sync_folder(sha256)
    elif not is_sent:
        raise away_rotten()
    elif not content_is_there(StoredContent(sha256=sha256, **found)):
        raise away_silent()
    if content is None:
        # The lock of the content keeps everybody else from doing the same.
        return StoredContent.objects.create(sha256=sha256, stored_at=moment, **found)
    for name, value in found.items():
        setattr(content, name, value)
    content.save(update_fields=list(found))
    return content


@transaction.atomic
def content_remove(content: StoredContent) -> int:
    """Delete a content that no file has any more; return how many bytes that were. Raises `StoreAway`."""
    content_lock(content.sha256)
    if content.revisions.exists() or not StoredContent.objects.filter(pk=content.pk).delete()[0]:
        return 0
    contents_storage(content.place).delete(content_name(content.sha256))
    return content.octets


def content_open(content: StoredContent) -> BinaryIO:
    """Open a content for reading; it can be read from any position. Raises `FileNotFoundError` and `StoreAway`."""
    opened: BinaryIO = contents_storage(content.place).open(content_name(content.sha256), "rb")
    return opened


class ContentPlace:
    """A content that can be opened like a path, later."""

    def __init__(self, content: StoredContent) -> None:
        self._content = content

    def open(self, _mode: Literal["rb"], /) -> BinaryIO:
        """The content. Raises `FileNotFoundError` and `StoreAway`."""
        return content_open(self._content)

    def __str__(self) -> str:
        return content_name(self._content.sha256)


def content_is_there(content: StoredContent) -> bool:
    """Whether the storage has it with the right length; only the scrub reads its bytes. Raises `StoreAway`."""
    try:
        return content_length(content) == content.octets
    except FileNotFoundError:
        return False


def _is_at_its_place(content: StoredContent) -> bool:
    if content.place == StoredContent.Place.OBJECTS and contents_place() == StoredContent.Place.DISK:
        # The settings no longer name the bucket, so `content_send` did not look there: keep this copy on the disk.
        return False
    # `content_send` has just checked the object store, and bytes are removed there only together with their row.
    return content.place == StoredContent.Place.OBJECTS or content_is_there(content)


def content_length(content: StoredContent) -> int:
    """The length of the stored bytes. Raises `FileNotFoundError` and `StoreAway`."""
    length: int = contents_storage(content.place).size(content_name(content.sha256))
    return length


def content_digest(content: StoredContent, *, most: int | None = None) -> str:
    """The SHA-256 of the stored bytes, or of the first `most`; empty if they are missing or cannot be read.

    Raises `StoreAway`: then nothing is known about it.
    """
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
            # There are more bytes than were stored: make the SHA-256 differ.
            yield b"more"


def _sync_folder(sha256: str) -> None:
    """Flush the folder of a new content to the disk, so that a power cut cannot lose its name."""
    place = Path(contents_storage(StoredContent.Place.DISK).path(content_name(sha256)))
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
