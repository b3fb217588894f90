"""Queries for stored files, and for open and refused uploads."""

import re
from collections.abc import Collection, Iterator

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from fleet.core.errors import InvalidInput, NotFound
from fleet.files.store.models import FileRevision, StoreAccount, StoredContent, StoredFile, Upload
from fleet.organizations.models import Organization
from fleet.stations.models import Station

_HASH = re.compile(r"[0-9a-fA-F]{8,64}\Z")
#: Fewest characters of a search: the index knows groups of three.
SEARCH_LEAST = 3
#: Up to this many files, sorting all of them is quicker than walking back through those of the whole server.
_SMALL_MOST = 20_000


def search_check(search: str) -> str:
    """The text to search for. Raises `InvalidInput` if it is too short for the index, which knows groups of three."""
    search = search.replace("\x00", "").strip()
    if 0 < len(search) < SEARCH_LEAST:
        raise InvalidInput(_("Search for at least %(n)d characters.") % {"n": SEARCH_LEAST}, field="q")
    return search


def revision_list(*, station: Station, search: str = "") -> QuerySet[FileRevision]:
    """All revisions of a station's files, the last path first: paths begin with a day."""
    rows = FileRevision.objects.filter(file__station=station).select_related("file__station", "content")
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
    """Revisions of the files of an organization's stations, the last stored first.

    `search`: a part of the path, or at least eight digits of the SHA-256. `before`: older than this revision's id.
    """
    rows = FileRevision.objects.filter(file__station__organization=organization, file__station__deleted_at=None)
    if serial:
        serial = serial.replace("\x00", "")
        rows = rows.filter(file__station__serial__iexact=serial)
    if search:
        rows = _named(rows, search.replace("\x00", ""))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    rows = rows.select_related("file__station", "content")
    if _is_small(organization, serial):
        # Read and sort all its files: a walk back through the whole server's newest might be long before it meets one.
        return rows.order_by((F("pk") + 0).desc())
    return rows.order_by("-pk")


def _named(rows: QuerySet[FileRevision], search: str) -> QuerySet[FileRevision]:
    """Revisions with this text in their path or at the beginning of their SHA-256, each found by its own index."""
    path = Q(file__path__icontains=search)
    contents = StoredContent.objects.filter(sha256__startswith=search.lower())
    # Eight digits are more often a date than a hash, so look for such a hash first.
    if not _HASH.match(search) or not contents.exists():
        return rows.filter(path)
    named = FileRevision.objects.filter(path).values("pk")
    return rows.filter(pk__in=named.union(FileRevision.objects.filter(content__in=contents).values("pk")))


def _is_small(organization: Organization, serial: str) -> bool:
    if serial:
        files = StoredFile.objects.filter(station__organization=organization, station__serial__iexact=serial)
        return files[: _SMALL_MOST + 1].count() <= _SMALL_MOST
    # Before the first upload there is no count.
    counted = StoreAccount.objects.filter(organization=organization).values_list("files", flat=True).first()
    return (counted or 0) <= _SMALL_MOST


def revisions_chosen(*, owner: Station | Organization, revision_ids: Collection[int]) -> list[FileRevision]:
    """These revisions of a station's or an organization's files, by station, path and number. Raises `NotFound`."""
    rows = FileRevision.objects.filter(pk__in=revision_ids)
    if isinstance(owner, Station):
        rows = rows.filter(file__station=owner)
    else:
        rows = rows.filter(file__station__organization=owner, file__station__deleted_at=None)
    found = list(rows.select_related("file__station", "content").order_by("file__station", "file__path", "number"))
    if len(found) != len(set(revision_ids)):
        raise NotFound(_("Some of these stored files do not exist."))
    return found


def revision_find(*, station: Station, revision_id: int) -> FileRevision:
    """One revision of a file of this station. Raises `NotFound`."""
    found = FileRevision.objects.filter(file__station=station, pk=revision_id).select_related("file", "content").first()
    if found is None:
        raise NotFound(_("This station has no such stored file."))
    return found


def revisions_of_file(file: StoredFile) -> QuerySet[FileRevision]:
    """The revisions of a file, the newest first."""
    return FileRevision.objects.filter(file=file).select_related("content").order_by("-number")


def upload_list(*, station: Station, state: Upload.State) -> QuerySet[Upload]:
    """Uploads that are arriving, or that were refused within a month, the newest first."""
    return Upload.objects.filter(station=station, state=state).order_by("-created_at")
