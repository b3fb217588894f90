"""Parts of uploads on disk: the bytes that have arrived. The length of a part is the offset of its upload."""

import fcntl
import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.errors import Conflict

#: Bytes read at a time.
PIECE = 1_048_576


class PartBusy(Conflict):
    """Another request is writing to this part."""


class PartWriter:
    """Appends to a part, for one request at a time: the lock ends with the process, however that ends.

    The lock is on the file, so it holds for all processes that share the disk. Another process that wants the part
    leaves a wish beside it; the writer looks for one while no bytes arrive.
    """

    def __init__(self, upload_id: str, *, offset: int, most: int, checksum: tuple[str, bytes] | None = None) -> None:
        path = part_path(upload_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._offset, self._most = offset, most
        self._digest = hashlib.new(checksum[0]) if checksum else None
        self._wanted = checksum[1] if checksum else b""
        #: Whether more bytes arrived than the upload has, and whether they did not match their checksum.
        self.is_too_long = self.is_wrong = False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(self._file).st_size
        except BlockingIOError as error:
            os.close(self._file)
            raise PartBusy(_("Another request is sending this upload now. Ask for its offset, then go on.")) from error
        if size != offset:
            os.close(self._file)
            raise Conflict(
                _("The server has %(size)d bytes of this upload: go on from there, not from %(offset)d.")
                % {"size": size, "offset": offset}
            )
        # The part is no longer locked, so the wish for it is fulfilled.
        self._wish = _wish_path(upload_id)
        self._wish.unlink(missing_ok=True)
        os.lseek(self._file, offset, os.SEEK_SET)
        self.size = size

    def is_wished_for(self) -> bool:
        """Whether another process asks for the part."""
        return self._wish.exists()

    def write(self, piece: bytes) -> None:
        """Append bytes; if they exceed the size of the upload, write none and set `is_too_long`."""
        if self.size + len(piece) > self._most:
            self.is_too_long = True
            return
        left = memoryview(piece)
        while left:
            written = os.write(self._file, left)
            self.size += written
            left = left[written:]
        if self._digest is not None:
            self._digest.update(piece)

    def finish(self, *, is_cut: bool = False) -> None:
        """Flush the bytes to the disk and release the part. If their checksum is wrong, remove them again.

        Bytes of a request that was cut off cannot be checked here; the SHA-256 of the whole file checks them later.
        """
        try:
            if self._digest is not None and not is_cut:
                self.is_wrong = not hmac.compare_digest(self._digest.digest(), self._wanted)
            if self.is_wrong:
                os.ftruncate(self._file, self._offset)
                self.size = self._offset
            os.fsync(self._file)
        finally:
            os.close(self._file)


def part_path(upload_id: str) -> Path:
    """The path of an upload's part."""
    return Path(settings.MEDIA_ROOT) / "uploads" / upload_id[:2] / upload_id


def part_size(upload_id: str) -> int:
    """How many bytes have arrived."""
    try:
        return part_path(upload_id).stat().st_size
    except FileNotFoundError:
        return 0


def part_is_written(upload_id: str) -> bool:
    """Whether a request writes to the part now, in any process. Do not ask for one of this process's own."""
    try:
        file = os.open(part_path(upload_id), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def part_wish(upload_id: str) -> None:
    """Ask the writer of the part to stop once it has written the bytes that arrived."""
    _wish_path(upload_id).touch(mode=0o600)


def part_remove(upload_id: str) -> None:
    """Delete a part; a missing one is no error."""
    _wish_path(upload_id).unlink(missing_ok=True)
    part_path(upload_id).unlink(missing_ok=True)


def parts_list(*, before: datetime) -> list[str]:
    """Ids of uploads whose parts were last written before this moment."""
    found = (Path(settings.MEDIA_ROOT) / "uploads").glob("??/*")
    return [path.name for path in found if path.stat().st_mtime < before.timestamp()]


def parts_room() -> int:
    """Free bytes on the disk of the parts."""
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return shutil.disk_usage(root).free


def part_digests(upload_id: str, at: int) -> tuple[str, str]:
    """The SHA-256 of a whole part, and of its first `at` bytes (empty if it is shorter), in one reading."""
    whole, begin, left = hashlib.sha256(), "", at
    for piece in _pieces(part_path(upload_id)):
        if 0 < left <= len(piece):
            first = whole.copy()
            first.update(piece[:left])
            begin = first.hexdigest()
        left -= len(piece)
        whole.update(piece)
    return whole.hexdigest(), begin


def _wish_path(upload_id: str) -> Path:
    return part_path(upload_id).with_name(f"{upload_id}.wish")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece
