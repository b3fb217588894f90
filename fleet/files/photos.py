"""Photos of stations: every upload is re-encoded, so that only the picture itself is kept.

Metadata from the camera (place, time, owner) does not reach the new file, nor does anything that only looks like a
picture. The rows decide: files are written before their row and deleted after it, and a sweep removes files without a
row.
"""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import InvalidInput, NotFound, TooMany
from fleet.deployments.models import Deployment
from fleet.files.models import Photo
from fleet.files.pictures import Made, picture_make
from fleet.organizations.access import Role, Viewer
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.selectors import station_visible

Size = Literal["whole", "small"]

#: Maximum photos per station.
PHOTOS_MOST = 100
#: Files without a row are reported after a day, because until then their row may still be coming. They are deleted only
#: after these days: they may be photos from after the backup from which the database was restored.
STRAY_AFTER, STRAYS_KEPT = timedelta(days=1), timedelta(days=90)
_CAPTION_MOST = 200


def photo_add(
    *, actor: Viewer, station: Station, upload: IO[bytes], caption: str = "", deployment: Deployment | None = None
) -> Photo:
    """Store a picture of a station. Raises `InvalidInput`, `TooMany` and `Forbidden`."""
    photo_change_check(actor=actor, station=station)
    caption = text_check(caption, field="caption", most=_CAPTION_MOST, may_be_empty=True)
    if deployment is not None and deployment.station_id != station.pk:
        raise InvalidInput(_("This deployment is another station's."), field="deployment")
    _room_check(station)
    name = secrets.token_hex(16)
    try:
        picture = _files_write(upload, name)
        with transaction.atomic():
            # One upload at a time, so that the limit holds.
            Station.objects.select_for_update(no_key=True).get(pk=station.pk)
            _room_check(station)
            photo = Photo.objects.create(
                station=station,
                deployment=deployment,
                name=name,
                width=picture.width,
                height=picture.height,
                octets=_path(name, "whole").stat().st_size,
                caption=caption,
                added_by=actor.user,
                added_by_name=actor.name[:150],
                added_at=clock.now(),
            )
            audit(actor, station, "photo.add", photo=photo.pk, caption=photo.caption)
    except BaseException:
        _files_remove(name)
        raise
    return photo


@transaction.atomic
def photo_remove(*, actor: Viewer, photo: Photo) -> None:
    """Permanently remove a photo."""
    station = photo.station
    photo_change_check(actor=actor, station=station)
    if Photo.objects.filter(pk=photo.pk).delete()[0]:
        audit(actor, station, "photo.remove", photo=photo.pk, caption=photo.caption)
        transaction.on_commit(partial(_files_remove, photo.name), robust=True)


@transaction.atomic
def photo_publish(*, actor: Viewer, photo: Photo, is_public: bool) -> Photo:
    """Make a photo of a deployment public, or for members only. Raises `InvalidInput` for one of a device."""
    photo_change_check(actor=actor, station=photo.station)
    if is_public and photo.deployment_id is None:
        raise InvalidInput(_("Only photos of a deployment can be public."), field="is_public")
    if Photo.objects.filter(pk=photo.pk).exclude(is_public=is_public).update(is_public=is_public):
        photo.is_public = is_public
        audit(
            actor, photo.station, "photo.publish" if is_public else "photo.hide", photo=photo.pk, caption=photo.caption
        )
    return photo


def photos_hide(*, station: Station) -> None:
    """Make all photos of a station non-public: the new organization must not show what the old one published."""
    Photo.objects.filter(station=station, is_public=True).update(is_public=False)


def photo_list(*, station: Station, deployment: Deployment | None = None) -> QuerySet[Photo]:
    """A station's photos, or those of one deployment, newest first."""
    photos = Photo.objects.filter(station=station).order_by("-id")
    return photos.filter(deployment=deployment) if deployment else photos


def photo_find(*, viewer: Viewer, name: str) -> Photo:
    """A photo of a station that the viewer may see. Raises `NotFound` for any other."""
    photo = Photo.objects.select_related("station").filter(name=name, station__in=station_visible(viewer)).first()
    if photo is None:
        raise NotFound(_("There is no such photo that you may see."))
    return photo


def photo_file(photo: Photo, size: Size) -> Path:
    """The path of a photo's JPEG."""
    return _path(photo.name, size)


def photos_sweep(*, moment: datetime) -> int:
    """Delete files that are older than `STRAYS_KEPT` and have no row; return how many photos."""
    strays = _strays(moment - STRAYS_KEPT)
    for name in strays:
        _files_remove(name)
    return len(strays)


def photos_stray(*, moment: datetime) -> int:
    """How many photos have files and no row, as after restoring an older backup."""
    return len(_strays(moment - STRAY_AFTER))


def _strays(before: datetime) -> list[str]:
    oldest, found = before.timestamp(), list[str]()
    for folder in sorted(_root().glob("??")):
        names = {path.stem.partition("-")[0] for path in folder.glob("*.jpg") if path.stat().st_mtime < oldest}
        found += sorted(names - set(Photo.objects.filter(name__in=names).values_list("name", flat=True)))
    return found


def _room_check(station: Station) -> None:
    if Photo.objects.filter(station=station).count() >= PHOTOS_MOST:
        raise TooMany(
            _("%(serial)s already has %(most)d photos: remove one first.")
            % {"serial": station.serial, "most": PHOTOS_MOST}
        )


def _files_write(upload: IO[bytes], name: str) -> Made:
    """Write both sizes, or raise what `picture_make` raises."""
    whole, small = _path(name, "whole"), _path(name, "small")
    whole.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return picture_make(upload=upload, whole=whole, small=small)


def _files_remove(name: str) -> None:
    with suppress(FileNotFoundError):
        _path(name, "whole").unlink()
    with suppress(FileNotFoundError):
        _path(name, "small").unlink()


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / "photos"


def _path(name: str, size: Size) -> Path:
    return _root() / name[:2] / f"{name}{'' if size == 'whole' else '-small'}.jpg"


def photo_change_check(*, actor: Viewer, station: Station) -> None:
    """Raise `Forbidden` if the actor may not add or remove photos of the station."""
    actor.require(Role.OPERATOR, station=station, to=_("change %(serial)s"))
