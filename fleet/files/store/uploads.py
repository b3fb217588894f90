"""Uploads: begun within the sender's limits, resumed at any byte, closed by the SHA-256 of the whole file."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import Conflict, InvalidInput, NotFound, TooMany, Unavailable
from fleet.files.store.contents import content_digest, content_is_there, content_lock
from fleet.files.store.keeping import (
    FILES_MOST,
    REVISIONS_MOST,
    content_met,
    revision_newest,
)
from fleet.files.store.models import FileRevision, StoredContent, Upload
from fleet.files.store.parts import PartWriter, part_remove, part_size, parts_room
from fleet.files.store.quota import store_use
from fleet.files.store.settling import CLOSED_LIFE, OPEN_LIFE, REFUSED_LIFE, upload_settle
from fleet.organizations.access import Role, Viewer
from fleet.stations.models import Station
from fleet.stations.selectors import station_get

#: Maximum bytes of a file, and maximum number and total bytes of a sender's open uploads.
FILE_MOST, OPEN_MOST, OPEN_OCTETS_MOST = 8_000_000_000, 64, 20_000_000_000
#: Uploads leave this many bytes free on the disk.
ROOM_LEAST = 500_000_000
#: A known content is compared with at most this many bytes of its file, to see whether the file grew; if the file has
#: more, the content becomes another revision.
_BEGIN_MOST = 100_000_000
_PATH_MOST = 512
#: Maximum rows of refused files that are kept per station; the newest stay.
REFUSED_MOST = 1_000
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class UploadSender:
    """The sender of an upload: a station's login, or a viewer. `key` names the owner of the limits."""

    key: str
    name: str
    station: Station | None = None
    viewer: Viewer | None = None


@dataclass(frozen=True, slots=True)
class FileAsked:
    """A sender's description of a file, made before sending it."""

    serial: str
    path: str
    octets: int
    sha256: str
    modified_at: datetime | None
    #: Whether an open upload of the same file is resumed.
    resumes: bool
    #: Whether a person changed the text on a page.
    is_edited: bool = False


def sender_check(sender: UploadSender) -> None:
    """Raise `Forbidden` for people and keys that may not upload for any station."""
    viewer = sender.viewer
    if viewer is not None and not any(role != Role.VIEWER for role in viewer.station_roles.values()):
        viewer.require_somewhere(Role.OPERATOR, to=_("upload files"))


def upload_begin(*, sender: UploadSender, asked: FileAsked) -> Upload:
    """Begin or resume an upload; it is closed at once if its content is here. Raises domain errors and `StoreAway`."""
    station = _station_of(sender, asked.serial)
    path = path_check(asked.path)
    if not _SHA256.match(asked.sha256):
        raise InvalidInput(_("Give the SHA-256 of the whole file, as 64 hexadecimal digits."), field="sha256")
    moment = clock.now()
    upload = Upload(
        id=secrets.token_hex(16),
        station=station,
        path=path,
        octets=asked.octets,
        sha256=asked.sha256,
        modified_at=asked.modified_at,
        is_edited=asked.is_edited,
        sender=sender.key,
        sender_name=sender.name[:150],
        created_at=moment,
        expires_at=moment + OPEN_LIFE,
    )
    known, begin = _content_known(upload)
    try:
        with transaction.atomic():
            if known is not None and _is_still_known(known):
                return _close_known(upload, known, begin)
            _lock(f"uploads of {sender.key}")
            begun = _begun(upload) if asked.resumes else None
            if begun is None:
                _limits_check(sender.key)
                _quota_check(upload)
                upload.save(force_insert=True)
    except _NoRoom as error:
        _keep_refused(upload, str(error))
        raise
    return upload_look(begun or upload)


def upload_find(*, sender: UploadSender, upload_id: str) -> Upload:
    """An upload of a station that the sender may upload for. Raises `NotFound` and `Forbidden`."""
    uploads = Upload.objects.select_related("station").filter(pk=upload_id, expires_at__gt=clock.now())
    theirs = sender.viewer.stations("station__") if sender.viewer else Q(station=sender.station)
    upload = uploads.filter(theirs, station__deleted_at=None).first()
    if upload is None:
        raise NotFound(_("There is no such upload: it has expired, was ended, or never existed. Begin it again."))
    if sender.viewer is not None:
        sender.viewer.require(Role.OPERATOR, station=upload.station, to=_("upload files of %(serial)s"))
    return upload


def upload_look(upload: Upload) -> Upload:
    """Settle an upload that is complete but still open, as when the site stopped right after the last byte."""
    is_whole = upload.state == Upload.State.OPEN and part_size(upload.id) == upload.octets
    return upload_settle(upload) if is_whole else upload


def upload_offset(upload: Upload) -> int:
    """Number of bytes of the upload that are here."""
    is_here = upload.state in (Upload.State.STORED, Upload.State.KNOWN)
    return upload.octets if is_here else part_size(upload.id)


def upload_writer(*, upload: Upload, offset: int, checksum: tuple[str, bytes] | None = None) -> PartWriter:
    """A writer that appends to the upload from this offset. Raises `Conflict`."""
    if upload.state == Upload.State.REFUSED:
        raise Conflict(upload.reason)
    if upload.state != Upload.State.OPEN:
        raise Conflict(_("This file is already here, with all its %(size)d bytes.") % {"size": upload.octets})
    if parts_room() < ROOM_LEAST:
        raise Unavailable(_("The disk of the server is nearly full: what has arrived is kept. Try again later."))
    return PartWriter(upload.id, offset=offset, most=upload.octets, checksum=checksum)


def upload_terminate(upload: Upload) -> None:
    """Delete an upload and the bytes that arrived. A stored file stays, and so does the row of a refused upload."""
    Upload.objects.filter(pk=upload.pk).exclude(state=Upload.State.REFUSED).delete()
    part_remove(upload.id)


def uploads_expire(*, moment: datetime) -> int:
    """Delete expired uploads, except those that wait for the store; return how many."""
    rested = Upload.objects.filter(expires_at__lte=moment, waiting_since=None)
    expired = list(rested.order_by("expires_at").values_list("pk", flat=True)[:10_000])
    for upload_id in expired:
        Upload.objects.filter(pk=upload_id).delete()
        part_remove(upload_id)
    return len(expired)


class _NoRoom(TooMany):
    """The organization has no room for a file: its people should see that, not only the sender."""


def path_check(path: str) -> str:
    """The path below the data folder, with single slashes. Raises `InvalidInput`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or not path.isprintable() or len(path) > _PATH_MOST:
        raise InvalidInput(
            _("Name the file by its path below the data folder: printable, without `..`, at most %(most)d characters.")
            % {"most": _PATH_MOST},
            field="path",
        )
    return "/".join(parts)


def _station_of(sender: UploadSender, serial: str) -> Station:
    """The station that the file belongs to. Raises `InvalidInput`, `NotFound` and `Forbidden`."""
    if sender.station is not None:
        if serial and serial.lower() != sender.station.serial.lower():
            raise InvalidInput(
                _("This login may only upload files of %(serial)s.") % {"serial": sender.station.serial},
                field="station",
            )
        return sender.station
    if not serial or sender.viewer is None:
        raise InvalidInput(_("Name the station that the file belongs to."), field="station")
    station = station_get(viewer=sender.viewer, serial=serial)
    sender.viewer.require(Role.OPERATOR, station=station, to=_("upload files of %(serial)s"))
    return station


def _content_known(upload: Upload) -> tuple[StoredContent | None, str]:
    """The content, if a station of the same organization had it and it is sound; and the SHA-256 of its beginning.

    Call it outside of a transaction, because the object store may be slow. Raises `StoreAway`.
    """
    content = StoredContent.objects.filter(
        sha256=upload.sha256, octets=upload.octets, state=StoredContent.State.KEPT
    ).first()
    organization_id = upload.station.organization_id
    theirs = FileRevision.objects.filter(content=content, file__station__organization_id=organization_id)
    if content is None or not theirs.exists() or not content_is_there(content):
        return None, ""
    newest = revision_newest(upload.station_id, upload.path)
    if newest is None or newest.content.octets >= min(content.octets, _BEGIN_MOST):
        return content, ""
    return content, content_digest(content, most=newest.content.octets)


def _is_still_known(content: StoredContent) -> bool:
    content_lock(content.sha256)
    return StoredContent.objects.filter(pk=content.pk, state=StoredContent.State.KEPT).exists()


def _close_known(upload: Upload, content: StoredContent, begin: str) -> Upload:
    content_met(upload=upload, content=content, begins_with=begin)
    upload.state = Upload.State.KNOWN
    upload.expires_at = upload.created_at + CLOSED_LIFE
    upload.save(force_insert=True)
    return upload


def _begun(upload: Upload) -> Upload | None:
    """An open upload of the same file."""
    same = {"station": upload.station, "path": upload.path, "sha256": upload.sha256, "octets": upload.octets}
    rows = Upload.objects.select_related("station").filter(**same, state=Upload.State.OPEN)
    return rows.filter(expires_at__gt=upload.created_at).order_by("-created_at").first()


def _limits_check(sender_key: str) -> None:
    rows = Upload.objects.filter(sender=sender_key, state=Upload.State.OPEN)
    total = rows.aggregate(number=Count("pk"), octets=Sum("octets"))
    if total["number"] >= OPEN_MOST or (total["octets"] or 0) >= OPEN_OCTETS_MOST:
        raise TooMany(
            _("You have %(number)d unfinished uploads: finish or cancel some of them first.")
            % {"number": total["number"]}
        )


def _quota_check(upload: Upload) -> None:
    """Raise `TooMany` (`_NoRoom`) if the organization has no room for this file, counting what is on its way."""
    organization_id = upload.station.organization_id
    _lock(f"files of organization {organization_id}")
    use = store_use(organization_id=organization_id)
    used = use.octets + use.coming
    if used + upload.octets > use.quota:
        raise _NoRoom(
            _(
                "The files of this organization may take %(quota)d bytes, %(used)d are used, and this one has "
                "%(octets)d. The administrators of this server can raise the quota."
            )
            % {"quota": use.quota, "used": used, "octets": upload.octets}
        )
    if use.files >= FILES_MOST:
        raise _NoRoom(_("This organization already has %(most)d files.") % {"most": FILES_MOST})
    newest = revision_newest(upload.station_id, upload.path)
    if newest is not None and newest.number >= REVISIONS_MOST:
        raise _NoRoom(
            _("%(path)s already has %(most)d revisions: send it under another name.")
            % {"path": upload.path, "most": REVISIONS_MOST}
        )
    if parts_room() < upload.octets + ROOM_LEAST:
        raise Unavailable(_("The disk of the server has no room for this file. Try again later."))


def _keep_refused(upload: Upload, reason: str) -> None:
    """Keep a row for a refused file, one for each content and name; only the newest of a station stay."""
    refused = Upload.objects.filter(station=upload.station, state=Upload.State.REFUSED)
    upload.reason, upload.state = reason[:300], Upload.State.REFUSED
    upload.expires_at = upload.created_at + REFUSED_LIFE
    # A refused upload has no part, and its sender never gets its id, so the row of an earlier refusal can be reused.
    same = {"reason": upload.reason, "created_at": upload.created_at, "expires_at": upload.expires_at}
    if refused.filter(path=upload.path, sha256=upload.sha256).update(**same):
        return
    upload.save(force_insert=True)
    surplus = refused.order_by("-created_at").values_list("pk", flat=True)[REFUSED_MOST:]
    Upload.objects.filter(pk__in=list(surplus)).delete()


def _lock(name: str) -> None:
    """Make others who count the same uploads wait until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
