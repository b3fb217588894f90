"""Decoding uploads outside of this process: one at a time, within bounds of memory and time that the process itself sets."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, NamedTuple

from django.utils.translation import gettext as _

from fleet.core.errors import DomainError, InvalidInput

#: Octets of an upload.
OCTETS_MOST = 15_000_000
#: Longest side of what is kept, and of the small one that pages show, in pixels.
WHOLE_SIDE, SMALL_SIDE = 2_048, 400
#: Seconds for which an upload waits for the one before it, and for which one may take.
WAIT_S, TAKE_S = 10.0, 30.0
_PROCESS = Path(__file__).with_name("picture_process.py")

_one = threading.Lock()
_log = logging.getLogger(__name__)


class PicturesBusy(DomainError):
    """Others' photos are being read, and have been for long."""


class Made(NamedTuple):
    """What was written: sides in pixels."""

    width: int
    height: int


def picture_make(*, upload: IO[bytes], whole: Path, small: Path) -> Made:
    """Write both sizes of a picture. Raises `InvalidInput` for what is none or too large, and `PicturesBusy`."""
    octets = _octets(upload)
    if not _one.acquire(timeout=WAIT_S):
        raise PicturesBusy(_("Other photos are being read just now: send this one again in a minute."))
    try:
        answer = _asked(octets, whole, small)
    finally:
        _one.release()
    if answer.get("refused") == "pixels":
        raise InvalidInput(
            _("The photo has too many pixels (%(most)d megapixels are the most): make it smaller first.")
            % {"most": int(answer["most"]) // 1_000_000},
            field="photo",
        )
    if "refused" in answer:
        raise InvalidInput(_("This is no photo that can be read: send a JPEG, PNG or WebP file."), field="photo")
    return Made(int(answer["width"]), int(answer["height"]))


def _octets(upload: IO[bytes]) -> bytes:
    upload.seek(0, 2)
    if upload.tell() > OCTETS_MOST:
        raise InvalidInput(
            _("The photo has more than %(most)d MB: make it smaller first.") % {"most": OCTETS_MOST // 1_000_000},
            field="photo",
        )
    upload.seek(0)
    return upload.read()


def _asked(octets: bytes, whole: Path, small: Path) -> dict[str, str | int]:
    """What the process says; one that died has refused the file."""
    command = [sys.executable, "-I", str(_PROCESS), str(whole), str(small), str(WHOLE_SIDE), str(SMALL_SIDE)]
    try:
        done = subprocess.run(command, input=octets, capture_output=True, env={}, timeout=TAKE_S, check=False)
    except subprocess.TimeoutExpired:
        _log.warning("A photo of %d octets took more than %.0f s to read and is refused", len(octets), TAKE_S)
        return {"refused": "unread"}
    try:
        answer: dict[str, str | int] = json.loads(done.stdout)
    except ValueError:
        _log.warning(
            "A photo of %d octets ended its reader (%d): %s", len(octets), done.returncode, done.stderr[-300:].decode()
        )
        return {"refused": "unread"}
    return answer
