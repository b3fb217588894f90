"""The pictures that a page names: stored files and photos of its organization, and which of them everybody may see.

files/4711                               a stored picture by the number of its revision
files/SG-7F5E/2026-05-01/trap.jpg        the newest revision of a stored picture by station and path
photos/1f3a…                             a photo of a station by its name
"""

import re
from collections.abc import Collection
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from fleet.deployments.places import place_is_open
from fleet.deployments.selectors import deployments_public
from fleet.files.looking.beginning import FileKind, kind_of
from fleet.files.models import FileRevision, Photo, StoredContent
from fleet.organizations.models import Organization
from fleet.stations.models import Station

#: Maximum pictures of a page that are shown.
PICTURES_MOST = 50
_NUMBER = re.compile(r"files/([1-9][0-9]{0,17})\Z")
_PATH = re.compile(r"files/([^/]{1,64})/(.{1,512})\Z", re.DOTALL)
_PHOTO = re.compile(r"photos/([0-9a-f]{1,32})\Z")


def pictures_find(*, organization: Organization, names: Collection[str]) -> dict[str, FileRevision | Photo]:
    """The pictures of the organization by these names; other names are left out."""
    return {**_stored(organization, names), **_photos(organization, names)}


def pictures_public(*, organization: Organization, names: Collection[str], moment: datetime) -> dict[str, Photo]:
    """Those that everybody may see now: photos that somebody published, of public places that are shown exactly.

    A stored file is never public: a picture can reveal where it was taken.
    """
    wanted = {match[1]: name for name in names if (match := _PHOTO.match(name))}
    if not wanted:
        return {}
    photos = Photo.objects.filter(name__in=wanted, is_public=True, station__organization=organization)
    photos = photos.filter(deployment__in=deployments_public().filter(site__organization=organization).order_by())
    return {
        wanted[photo.name]: photo
        for photo in photos.select_related("deployment__site__organization")
        if photo.deployment is not None and place_is_open(deployment=photo.deployment, moment=moment)
    }


def _photos(organization: Organization, names: Collection[str]) -> dict[str, Photo]:
    wanted = {match[1]: name for name in names if (match := _PHOTO.match(name))}
    if not wanted:
        return {}
    photos = Photo.objects.filter(
        name__in=wanted, station__organization=organization, station__deleted_at=None
    ).select_related("station")
    return {wanted[photo.name]: photo for photo in photos}


def _stored(organization: Organization, names: Collection[str]) -> dict[str, FileRevision]:
    rows = FileRevision.objects.filter(
        file__station__organization=organization,
        file__station__deleted_at=None,
        content__state=StoredContent.State.KEPT,
    ).select_related("file__station", "content")
    numbers = {name: int(match[1]) for name in names if (match := _NUMBER.match(name))}
    by_number = {one.pk: one for one in rows.filter(pk__in=numbers.values())} if numbers else {}
    found = {name: by_number[number] for name, number in numbers.items() if number in by_number}
    paths = {name: (match[1].lower(), match[2]) for name in names if (match := _PATH.match(name))}
    if paths:
        by_path = _by_path(organization, rows, set(paths.values()))
        found |= {name: by_path[path] for name, path in paths.items() if path in by_path}
    return {name: one for name, one in found.items() if kind_of(one.file.path) is FileKind.PICTURE}


def _by_path(
    organization: Organization, rows: QuerySet[FileRevision], paths: Collection[tuple[str, str]]
) -> dict[tuple[str, str], FileRevision]:
    """The newest revisions by serial in lower case and path."""
    lower = Station.objects.filter(organization=organization, deleted_at=None).annotate(lower=Lower("serial"))
    stations = dict(lower.filter(lower__in={serial for serial, _path in paths}).values_list("lower", "pk"))
    asked = Q(pk__in=[])
    for serial, path in paths:
        if serial in stations:
            asked |= Q(file__station_id=stations[serial], file__path=path)
    # The newest comes last and replaces older ones.
    return {(one.file.station.serial.lower(), one.file.path): one for one in rows.filter(asked).order_by("number")}
