"""Several stored files as one zip, made while it is sent: safe names, a limit, and a list of what is not in it."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from django.utils.translation import gettext as _
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from fleet.core.errors import Unavailable
from fleet.files.store.away import StoreAway
from fleet.files.store.contents import content_digest, content_open
from fleet.files.store.models import FileRevision, StoredContent
from fleet.files.store.parts import PIECE

#: Maximum files and bytes of one zip. A list in it names the files beyond these limits.
FILES_MOST, OCTETS_MOST = 500, 2 * 2**30
#: Lists that are added to a zip: files that are not in it, with the reason, and files that have another name in it.
MISSING, NAMES = "MISSING.txt", "NAMES.txt"
#: Endings of files that are already compressed: compressing them again would cost time and gain nothing.
_COMPRESSED = frozenset((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".jpg", ".jpeg", ".png", ".webp", ".mp3", ".mp4"))
#: Characters that are replaced in names: control characters, and those that Windows refuses or reads as a folder or
#: drive.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


@dataclass(slots=True)
class ZipPlan:
    """The files of a zip by their names in it, and those that are left out, with the reason."""

    entries: list[tuple[str, FileRevision]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    octets: int = 0


def zip_plan(revisions: Iterable[FileRevision], *, has_stations: bool) -> ZipPlan:
    """Name the files and apply the limits. `has_stations`: each station has a folder, named by its serial."""
    plan, used = ZipPlan(), {MISSING.casefold(), NAMES.casefold()}
    for revision in revisions:
        path = f"{revision.file.station.serial}/{revision.file.path}" if has_stations else revision.file.path
        if len(plan.entries) == FILES_MOST:
            plan.left.append((path, _("A zip has at most %(most)d files.") % {"most": FILES_MOST}))
            continue
        if plan.octets + revision.content.octets > OCTETS_MOST:
            most = _("A zip has at most %(most)d GB: download this file by itself.") % {"most": OCTETS_MOST // 2**30}
            plan.left.append((path, most))
            continue
        name = _name_apart(_name_safe(path), revision.number, used)
        if name != path:
            plan.renamed.append((name, path))
        plan.entries.append((name, revision))
        plan.octets += revision.content.octets
    return plan


def zip_pieces(plan: ZipPlan) -> Iterator[bytes]:
    """The bytes of the zip. Each content is first compared with its SHA-256 and left out if it differs.

    Raises `Unavailable` in the middle if a content changes after that check: then the zip ends unfinished.
    """
    made, left, away = ZipStream(), list(plan.left), ""
    for name, revision in plan.entries:
        content = revision.content
        # Ask a store that is away only once: each further attempt would wait for its timeout.
        reason = away if away and content.place == StoredContent.Place.OBJECTS else ""
        if not reason:
            try:
                reason = _not_sound(content)
            except StoreAway as error:
                reason = away = str(error)
        if reason:
            left.append((name, reason))
            continue
        made.add(_content_pieces(content), name, size=content.octets, compress_type=_way(name), compress_level=1)
        yield from made.all_files()
    if left:
        made.add(_said(_("These files are not in this zip:"), left), MISSING)
    if plan.renamed:
        made.add(_said(_("These files have another name on the station:"), plan.renamed), NAMES)
    yield from made.finalize()


def _not_sound(content: StoredContent) -> str:
    """The reason why a content is not sound; empty if it is. Raises `StoreAway`."""
    if content.state == StoredContent.State.ROTTEN or content_digest(content) != content.sha256:
        return _("Its bytes are damaged or missing on the server: upload it again.")
    return ""


def _content_pieces(content: StoredContent) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        with content_open(content) as opened:
            while piece := opened.read(PIECE):
                digest.update(piece)
                yield piece
    except OSError as error:
        raise Unavailable(_("A file could not be read any more.")) from error
    if digest.hexdigest() != content.sha256:
        raise Unavailable(_("The bytes of a file have changed on the server."))


def _way(name: str) -> int:
    way: int = ZIP_STORED if PurePosixPath(name).suffix.lower() in _COMPRESSED else ZIP_DEFLATED
    return way


def _said(title: str, lines: Sequence[tuple[str, str]]) -> bytes:
    return "\r\n".join([title, "", *(f"{name}: {words}" for name, words in lines), ""]).encode()


def _name_safe(path: str) -> str:
    """A path that stays below the folder in which the zip is unpacked, on every system."""
    parts = [_UNSAFE.sub("_", part).rstrip(". ") for part in path.split("/")]
    return "/".join(part for part in parts if part) or "_"


def _name_apart(name: str, number: int, used: set[str]) -> str:
    """A name that no other file of the zip has, not even with different case."""
    path, more = PurePosixPath(name), 2
    found = name
    if found.casefold() in used and number > 1:
        found = str(path.with_name(_("%(name)s (revision %(n)d)") % {"name": path.stem, "n": number} + path.suffix))
    while found.casefold() in used:
        found = str(path.with_name(f"{path.stem} ({more}){path.suffix}"))
        more += 1
    used.add(found.casefold())
    return found
