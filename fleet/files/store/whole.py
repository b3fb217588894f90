"""Files that arrive whole, as from a form on a page: stored by the same rules as uploads in pieces."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.utils.translation import gettext as _

from fleet.core.errors import DomainError, Forbidden, NotFound, Unavailable
from fleet.files.store.away import StoreAway
from fleet.files.store.models import Upload
from fleet.files.store.parts import PIECE
from fleet.files.store.settling import upload_settle
from fleet.files.store.uploads import (
    FileAsked,
    UploadSender,
    upload_begin,
    upload_offset,
    upload_terminate,
    upload_writer,
)
from formats.sensorgnome.names import other_file_reason


class Fate(StrEnum):
    """The outcome of a file; every file has exactly one."""

    STORED = "stored"
    KNOWN = "known"
    KEPT_BACK = "kept back"
    #: All its bytes are here, and the object store has not taken them: a job tries again.
    WAITING = "waiting for the store"
    REFUSED = "refused"


class Readable(Protocol):
    """An open file, or a file from a form."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`."""

    def seek(self, offset: int, /) -> object:
        """Move to this offset."""


@dataclass(frozen=True, slots=True)
class FileFate:
    """One file of a form, and why it was kept back, waits or was refused."""

    path: str
    fate: Fate
    reason: str = ""


def file_take(*, sender: UploadSender, serial: str, path: str, opened: Readable, is_edited: bool = False) -> FileFate:
    """Store one file, unless it is known; return its fate. `is_edited`: a person changed its text on a page.

    Raises `Forbidden` and `NotFound`; all other refusals are returned.
    """
    reason, may_be_data = other_file_reason(path.rpartition("/")[2])
    if reason and not may_be_data and not is_edited:
        return FileFate(path, Fate.KEPT_BACK, reason)
    octets, sha256 = _measure(opened)
    asked = FileAsked(
        serial=serial,
        path=path,
        octets=octets,
        sha256=sha256,
        modified_at=None,
        resumes=not is_edited,
        is_edited=is_edited,
    )
    try:
        upload = upload_begin(sender=sender, asked=asked)
        if upload.state == Upload.State.OPEN:
            try:
                upload = _fill(upload, opened)
            except StoreAway as error:
                # The server has the whole file, and a job stores it as soon as the object store is back.
                words = _("%(reason)s The server keeps this file, and stores it as soon as that is over.")
                return FileFate(path, Fate.WAITING, words % {"reason": error})
    except (Forbidden, NotFound):
        raise
    except DomainError as error:
        return FileFate(path, Fate.REFUSED, str(error))
    if upload.state == Upload.State.REFUSED:
        return FileFate(path, Fate.REFUSED, upload.reason)
    return FileFate(path, Fate.KNOWN if upload.state == Upload.State.KNOWN else Fate.STORED)


def _measure(opened: Readable) -> tuple[int, str]:
    digest, octets = hashlib.sha256(), 0
    opened.seek(0)
    while piece := opened.read(PIECE):
        digest.update(piece)
        octets += len(piece)
    return octets, digest.hexdigest()


def _fill(upload: Upload, opened: Readable) -> Upload:
    """Write the bytes that the upload lacks: it may have begun in pieces. Raises `Unavailable` if the disk fails."""
    offset = upload_offset(upload)
    writer = upload_writer(upload=upload, offset=offset)
    opened.seek(offset)
    try:
        try:
            while piece := opened.read(PIECE):
                writer.write(piece)
        finally:
            writer.finish()
    except OSError as error:
        if not offset:
            upload_terminate(upload)
        raise Unavailable(
            _("The disk of the server did not take it: %(reason)s.") % {"reason": error.strerror}
        ) from error
    return upload_settle(upload)
