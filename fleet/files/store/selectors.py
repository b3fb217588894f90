"""Queries for stored files and for uploads that are not over."""

import re
from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.files.store.models import FileRevision, Upload
from fleet.organizations.models import Organization
from fleet.stations.models import Station

_HASH = re.compile(r"[0-9a-fA-F]{8,64}\Z")


def revision_list(*, station: Station, search: str = "") -> QuerySet[FileRevision]:
    """Everything stored of a station, the last path first: paths begin with a day."""
    rows = FileRevision.objects.filter(file__station=station).select_related("file", "content")
    if search:
        rows = rows.filter(file__path__icontains=search.replace("\x00", ""))
    return rows.order_by("-file__path", "-number")


def revisions_all(*, serial: str) -> Iterator[FileRevision]:
    """All revisions of a station's files, damaged ones too. Read in portions: there may be many."""
    rows = FileRevision.objects.filter(file__station__serial=serial, file__station__deleted_at=None)
    return rows.select_related("file", "content").order_by("file_id", "-number").iterator()


def organization_revisions(
    *, organization: Organization, serial: str = "", search: str = "", before: int | None = None
) -> QuerySet[FileRevision]:
    """Everything stored of an organization's stations, the last stored first.

    `search`: a part of the path, or at least eight digits of the SHA-256. `before`: older than this revision's id.
    """
    rows = FileRevision.objects.filter(file__station__organization=organization, file__station__deleted_at=None)
    if serial:
        rows = rows.filter(file__station__serial__iexact=serial.replace("\x00", ""))
    if search:
        asked = Q(file__path__icontains=search.replace("\x00", ""))
        if _HASH.match(search):
            asked |= Q(content__sha256__startswith=search.lower())
        rows = rows.filter(asked)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return rows.select_related("file__station", "content").order_by("-pk")


def revision_find(*, station: Station, revision_id: int) -> FileRevision:
    """One revision of a file of this station. Raises `NotFound`."""
    found = FileRevision.objects.filter(file__station=station, pk=revision_id).select_related("file", "content").first()
    if found is None:
        raise NotFound(_("This station has no such stored file."))
    return found


def upload_list(*, station: Station, state: Upload.State) -> QuerySet[Upload]:
    """Uploads that are arriving, or that were refused within a month, the newest first."""
    return Upload.objects.filter(station=station, state=state).order_by("-created_at")
