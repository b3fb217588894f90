"""A photo as an HTTP response: an image that no browser would run as anything else."""

from django.http import FileResponse, Http404
from django.utils.translation import gettext as _

from fleet.files.models import Photo
from fleet.files.photos import Size, photo_file


def photo_answer(photo: Photo, size: Size) -> FileResponse:
    """The photo. Raises `Http404` if its file is missing."""
    try:
        opened = photo_file(photo, size).open("rb")
    except FileNotFoundError as error:
        raise Http404(_("The file of this photo is missing.")) from error
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(opened, content_type="image/jpeg", filename=f"{photo.name}.jpg", headers=headers)
