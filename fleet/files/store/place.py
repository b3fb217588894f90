"""The site's mark in the folder of files, by which a worker on another machine sees whether it has the same disk.

With another disk, a worker would store files where no page finds them, and tell their stations that they are safe.
"""

import logging
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.utils.crypto import salted_hmac

_log = logging.getLogger(__name__)

_NAME = "site"


def place_mark() -> None:
    """Mark the folder as the site's, unless it is marked already. A full disk is only logged."""
    path = _mark_path()
    if _is_marked(path):
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(_mark())
    except OSError as error:
        _log.warning("The folder of files cannot be marked, so no worker takes files over AMQP: %s", error)


def place_is_ours() -> bool:
    """Whether the folder of files of this process is the site's."""
    return _is_marked(_mark_path())


def _mark_path() -> Path:
    return Path(settings.MEDIA_ROOT) / _NAME


def _is_marked(path: Path) -> bool:
    with suppress(OSError):
        return path.read_text() == _mark()
    return False


def _mark() -> str:
    """The text of the mark, the same in all processes of one installation."""
    return salted_hmac("roost.files.place", "site").hexdigest()
