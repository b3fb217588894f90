"""Public photos: published one by one, and only of public deployments whose exact place is shown.

A picture can reveal where it was taken, even without metadata. So while a place is blurred or withheld, its photos are
hidden too.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from fleet.core.errors import NotFound
from fleet.deployments.models import Deployment
from fleet.deployments.places import place_is_open
from fleet.deployments.selectors import deployment_public_get
from fleet.files.models import Photo

#: Only this many photos are shown per deployment, the newest.
SHOWN_MOST = 24


def photos_public(*, deployments: Sequence[Deployment], moment: datetime) -> dict[int, list[Photo]]:
    """The public photos of these public deployments, newest first, by deployment id."""
    told = [each.pk for each in deployments if place_is_open(deployment=each, moment=moment)]
    found: dict[int, list[Photo]] = defaultdict(list)
    if told:
        for photo in Photo.objects.filter(deployment__in=told, is_public=True).order_by("-id"):
            photos = found[photo.deployment_id or 0]
            if len(photos) < SHOWN_MOST:
                photos.append(photo)
    return found


def photo_public_find(*, public_id: UUID, name: str, moment: datetime) -> Photo:
    """One public photo. Raises `NotFound` with the same sentence for every other name."""
    deployment = deployment_public_get(public_id=public_id)
    photo = None
    if place_is_open(deployment=deployment, moment=moment):
        photo = Photo.objects.filter(deployment=deployment, name=name, is_public=True).first()
    if photo is None:
        raise NotFound(_("There is no such photo that you may see."))
    return photo
