"""Delivering a finished package to the place of its schedule: a folder of the server, or its object store.

Roost chooses the name: organization, number of the schedule, period and number of the file. Nothing is overwritten: an
existing file of that name counts as delivered only if it has the same bytes.
"""

import os
import time
from hashlib import file_digest
from pathlib import Path
from shutil import copyfileobj
from typing import Final

from django.conf import settings
from django.core.files.storage import storages
from django.utils.translation import gettext as _

from fleet.core.errors import Conflict, DomainError
from fleet.exports.archive import archive_path
from fleet.exports.models import DataPackage, PackageSchedule, ScheduledPart
from fleet.exports.schedules.periods import period_name

Target = PackageSchedule.Target
#: The folder in the bucket, beside the folder of stored files.
_PREFIX: Final = "exports"
#: Least seconds allowed for sending a file, and the slowest acceptable rate for large files.
_SECONDS_LEAST, _BYTES_PER_S = 120.0, 1_000_000


def targets_offered() -> list[str]:
    """The places that this server offers."""
    offered = [Target.PAGE.value]
    if settings.ROOST_EXPORTS_FOLDER:
        offered.append(Target.FOLDER.value)
    if settings.ROOST_S3_BUCKET:
        offered.append(Target.OBJECTS.value)
    return offered


def package_deliver(schedule: PackageSchedule, part: ScheduledPart, package: DataPackage) -> str:
    """Deliver the complete file; return its name there, empty on the page. Raises `DomainError` or `OSError`."""
    if schedule.target not in targets_offered():
        raise Conflict(_("The administrators of this server no longer offer this place: choose another one."))
    number = "" if part.revision == 1 else f".{part.revision}"
    name = f"{schedule.organization.slug}/{schedule.pk}/{period_name(schedule.every, part.start_at)}{number}.zip"
    if schedule.target == Target.FOLDER:
        _to_folder(Path(settings.ROOST_EXPORTS_FOLDER) / name, package)
    elif schedule.target == Target.OBJECTS:
        name = f"{_PREFIX}/{name}"
        until = time.monotonic() + max(_SECONDS_LEAST, package.bytes / _BYTES_PER_S)
        storages["objects"].put(name, archive_path(package.name), sha256=package.sha256, until=until)  # type: ignore[attr-defined]
    else:
        name = ""
    return name


def failure_words(error: DomainError | OSError) -> str:
    """Why a file could not be delivered."""
    if isinstance(error, OSError):
        return _("The server could not write it: %(reason)s.") % {"reason": error.strerror or str(error)}
    return str(error)


def _to_folder(path: Path, package: DataPackage) -> None:
    if path.exists():
        if _digest(path) == package.sha256:
            return
        raise Conflict(_("Another file, %(name)s, is already there: move it away.") % {"name": path.name})
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.part")
    try:
        with archive_path(package.name).open("rb") as source, begun.open("wb") as file:
            copyfileobj(source, file, 1_048_576)
            file.flush()
            os.fsync(file.fileno())
        if _digest(begun) != package.sha256:
            raise Conflict(_("The folder of this server returned different bytes from those it was given."))
        begun.rename(path)
    finally:
        begun.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
