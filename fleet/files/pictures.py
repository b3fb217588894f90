"""Decoding uploads in a separate process: one at a time, with limits on memory and time set by that process."""

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, NamedTuple

from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, TooMany

#: Maximum bytes of an upload.
OCTETS_MOST = 15_000_000
#: Longest side in pixels of the picture that is kept, and of the small one for pages.
WHOLE_SIDE, SMALL_SIDE = 2_048, 400
#: Seconds an upload waits for the one before it, and seconds one may take.
WAIT_S, TAKE_S = 10.0, 30.0
_PROCESS = Path(__file__).with_name("picture_process.py")

_one = threading.Lock()
_log = logging.getLogger(__name__)


class Made(NamedTuple):
    """The sides of the picture that was written, in pixels."""

    width: int
    height: int


def picture_make(*, upload: IO[bytes], whole: Path, small: Path) -> Made:
    """Write both sizes of a picture. Raises `InvalidInput` if it is not one or too large, and `TooMany`."""
    octets = _read_upload(upload)
    if not _one.acquire(timeout=WAIT_S):
        raise TooMany(_("Other photos are being processed right now: send this one again in a minute."))
    try:
        answer = _run_picture_process(octets, whole, small)
    finally:
        _one.release()
    if answer.get("refused") == "pixels":
        raise InvalidInput(
            _("The photo has too many pixels (the maximum is %(most)d megapixels): make it smaller first.")
            % {"most": int(answer["most"]) // 1_000_000},
            field="photo",
        )
    if "refused" in answer:
        raise InvalidInput(_("This photo cannot be read: send a JPEG, PNG or WebP file."), field="photo")
    return Made(int(answer["width"]), int(answer["height"]))


def _read_upload(upload: IO[bytes]) -> bytes:
    upload.seek(0, 2)
    if upload.tell() > OCTETS_MOST:
        raise InvalidInput(
            _("The photo is larger than %(most)d MB: make it smaller first.") % {"most": OCTETS_MOST // 1_000_000},
            field="photo",
        )
    upload.seek(0)
    return upload.read()


def _run_picture_process(octets: bytes, whole: Path, small: Path) -> dict[str, str | int]:
    """The process's answer; if it died, the file counts as refused."""
    command = [sys.executable, "-I", str(_PROCESS), str(whole), str(small), str(WHOLE_SIDE), str(SMALL_SIDE)]
    try:
        done = subprocess.run(command, input=octets, capture_output=True, env={}, timeout=TAKE_S, check=False)
    except subprocess.TimeoutExpired:
        _log.warning("A photo of %d bytes took more than %.0f s to read and was refused", len(octets), TAKE_S)
        return {"refused": "unread"}
    try:
        answer: dict[str, str | int] = json.loads(done.stdout)
    except ValueError:
        _log.warning(
            "A photo of %d bytes crashed its reader (%d): %s", len(octets), done.returncode, done.stderr[-300:].decode()
        )
        return {"refused": "unread"}
    return answer
