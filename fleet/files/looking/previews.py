"""Pictures of stored files, re-encoded like photos, once per content when somebody first looks, and kept."""

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput
from fleet.files.pictures import picture_make
from fleet.files.store.contents import content_open
from fleet.files.store.models import StoredContent

Size = Literal["whole", "small"]

_NAME = re.compile(r"[0-9a-f]{64}")


def preview_file(content: StoredContent, size: Size) -> Path:
    """The path of the picture's JPEG. Raises `InvalidInput` if it is no picture, `TooMany`, and like `content_open`."""
    whole, small, refused = (_path(content.sha256, end) for end in (".jpg", "-small.jpg", ".refused"))
    wanted = whole if size == "whole" else small
    if wanted.exists():
        return wanted
    # An unreadable file costs a process only once.
    if not refused.exists():
        whole.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="new-", dir=whole.parent) as folder, content_open(content) as opened:
            made, made_small = Path(folder, "whole"), Path(folder, "small")
            try:
                picture_make(upload=opened, whole=made, small=made_small)
            except InvalidInput:
                refused.touch()
            else:
                # Replaced in one step: somebody who looks at this moment must not get half a picture.
                made_small.replace(small)
                made.replace(whole)
                return wanted
    raise InvalidInput(
        _(
            "This picture cannot be shown: it is not a JPEG, PNG or WebP file, is larger than 15 MB, or has too many "
            "pixels."
        ),
        field="photo",
    )


def previews_sweep() -> int:
    """Remove pictures of contents that are no longer stored; return how many contents."""
    removed = 0
    for folder in sorted(_root().glob("??")):
        paths = [path for path in folder.iterdir() if _NAME.match(path.name)]
        names = {path.name[:64] for path in paths}
        gone = names - set(StoredContent.objects.filter(sha256__in=names).values_list("sha256", flat=True))
        for path in paths:
            if path.name[:64] in gone:
                with suppress(FileNotFoundError):
                    path.unlink()
        removed += len(gone)
    return removed


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / "previews"


def _path(sha256: str, end: str) -> Path:
    return _root() / sha256[:2] / f"{sha256}{end}"
