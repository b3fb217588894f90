"""Files of stations and their revisions: recording a content that arrives under a name, and counting it."""

from enum import StrEnum

from django.db.models import F
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.errors import TooMany
from fleet.files.store.models import FileRevision, StoreAccount, StoredContent, StoredFile, Upload

#: Maximum revisions of a file, and maximum files of an organization.
REVISIONS_MOST, FILES_MOST = 1_000, 5_000_000


class Meeting(StrEnum):
    """How a content compares with the stored file of its name: the same, the file after it grew, or different."""

    KNOWN = "known"
    GREW = "grew"
    NEW = "new"


def revision_newest(station_id: int, path: str) -> FileRevision | None:
    """The newest revision of a file; None if the station has no file of that name."""
    revisions = FileRevision.objects.filter(file__station_id=station_id, file__path=path)
    return revisions.select_related("content").order_by("-number").first()


def revision_meet_again(revision: FileRevision, *, sent_by: str) -> None:
    """Note that the content of a revision arrived again."""
    FileRevision.objects.filter(pk=revision.pk).update(last_met_at=clock.now(), sent_by=sent_by)


def content_met(*, upload: Upload, content: StoredContent, begins_with: str) -> Meeting:
    """Record a content under the upload's name. Call it in a transaction that holds the content's lock.

    `begins_with`: the SHA-256 of its beginning, up to the length of the newest revision. A text that a person changed
    always becomes a new revision, so that the previous text stays. Raises `TooMany`.
    """
    files, moment = StoredFile.objects.select_for_update(), clock.now()
    file, is_new_file = files.get_or_create(station_id=upload.station_id, path=upload.path)
    newest = None if is_new_file else revision_newest(upload.station_id, upload.path)
    if newest is not None and newest.content_id == content.pk:
        revision_meet_again(newest, sent_by=upload.sender_name)
        return Meeting.KNOWN
    organization_id = upload.station.organization_id
    octets = 0 if _is_had(content, organization_id) else content.octets
    if newest is not None and not upload.is_edited and begins_with == newest.content.sha256:
        FileRevision.objects.filter(pk=newest.pk).update(
            content=content,
            grown=F("grown") + 1,
            last_met_at=moment,
            modified_at=upload.modified_at,
            sent_by=upload.sender_name,
        )
        if not _is_had(newest.content, organization_id):
            octets -= newest.content.octets
        _account_add(organization_id, octets=octets, files=0)
        return Meeting.GREW
    number = newest.number + 1 if newest else 1
    if number > REVISIONS_MOST:
        raise TooMany(
            _("%(path)s already has %(most)d revisions: send it under another name.")
            % {"path": upload.path, "most": REVISIONS_MOST}
        )
    FileRevision.objects.create(
        file=file,
        number=number,
        content=content,
        modified_at=upload.modified_at,
        first_met_at=moment,
        last_met_at=moment,
        sent_by=upload.sender_name,
    )
    _account_add(organization_id, octets=octets, files=int(is_new_file))
    return Meeting.NEW


def _is_had(content: StoredContent, organization_id: int) -> bool:
    return FileRevision.objects.filter(content=content, file__station__organization_id=organization_id).exists()


def _account_add(organization_id: int, *, octets: int, files: int) -> None:
    account, more = StoreAccount.objects.filter(organization_id=organization_id), {"octets": octets, "files": files}
    added = {name: F(name) + number for name, number in more.items()}
    if not account.update(**added):
        StoreAccount.objects.get_or_create(organization_id=organization_id)
        account.update(**added)
