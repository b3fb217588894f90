"""Answering with a zip of the stored files that a person selected on a page, or of all that were found there."""

from collections.abc import Sequence

from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import content_disposition_header

from fleet.core.errors import InvalidInput, TooMany
from fleet.files.store.models import FileRevision
from fleet.files.store.zipping import zip_begin
from fleet.files.store.zips import FILES_MOST, OCTETS_MOST
from fleet.organizations.access import Viewer
from fleet.organizations.models import Organization
from fleet.stations.models import Station
from sg_status.range_answer import iterate_async

#: The limits, for the text beside the button.
LIMITS = {"files": FILES_MOST, "octets": OCTETS_MOST}


def ids_posted(request: HttpRequest) -> list[int]:
    """The ids of the selected files."""
    given = request.POST.getlist("file")[: FILES_MOST + 1]
    return [int(each) for each in given if each.isascii() and each.isdigit() and len(each) < 19]


def zip_answer(
    request: HttpRequest, viewer: Viewer, owner: Station | Organization, found: Sequence[FileRevision], *, back: str
) -> HttpResponseBase:
    """The zip; after a refusal, a redirect to `back`, where a message says why."""
    try:
        pieces = zip_begin(actor=viewer, owner=owner, found=found)
    except (InvalidInput, TooMany) as error:
        messages.error(request, str(error))
        return redirect(back)
    name = owner.serial if isinstance(owner, Station) else owner.slug
    return StreamingHttpResponse(
        iterate_async(pieces) if isinstance(request, ASGIRequest) else pieces,
        content_type="application/zip",
        headers={
            "Content-Disposition": content_disposition_header(True, f"{name}.zip") or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
