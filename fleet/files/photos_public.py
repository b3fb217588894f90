"""Photos that everybody may see: marked so one by one, of a public deployment whose place is told exactly.

A picture can show where it was taken, whatever its file says. So while a place is blurred or withheld its photos are too.
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

#: So many of one deployment, the newest.
SHOWN_MOST = 24


def photos_public(*, deployments: Sequence[Deployment], moment: datetime) -> dict[int, list[Photo]]:
    """The photos of deployments of `deployments_public` that everybody may see, newest first, by deployment."""
    told = [each.pk for each in deployments if place_is_open(deployment=each, moment=moment)]
    found: dict[int, list[Photo]] = defaultdict(list)
    if told:
        for photo in Photo.objects.filter(deployment__in=told, is_public=True).order_by("-id"):
            photos = found[photo.deployment_id or 0]
            if len(photos) < SHOWN_MOST:
                photos.append(photo)
    return found


def photo_public_find(*, public_id: UUID, name: str, moment: datetime) -> Photo:
    """One of them. Raises `NotFound` in the same words for any other."""
    deployment = deployment_public_get(public_id=public_id)
    photo = None
    if place_is_open(deployment=deployment, moment=moment):
        photo = Photo.objects.filter(deployment=deployment, name=name, is_public=True).first()
    if photo is None:
        raise NotFound(_("There is no such photo that you may see."))
    return photo
