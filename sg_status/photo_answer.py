"""The answer that is a photo: a picture and nothing that a browser would run."""

from django.http import FileResponse, Http404
from django.utils.translation import gettext as _

from fleet.files.models import Photo
from fleet.files.photos import Size, photo_file


def photo_answer(photo: Photo, size: Size) -> FileResponse:
    """The picture. Raises `Http404` where its file is gone."""
    try:
        opened = photo_file(photo, size).open("rb")
    except FileNotFoundError as error:
        raise Http404(_("The file of this photo is missing.")) from error
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(opened, content_type="image/jpeg", filename=f"{photo.name}.jpg", headers=headers)
