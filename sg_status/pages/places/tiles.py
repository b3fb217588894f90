"""An operator's own file of map tiles (PMTiles), served in the small pieces that browsers ask for."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

#: The longest piece of one answer. A tile or a directory is smaller; a browser that asks for more gets this much.
PIECE_MOST: Final = 4 * 1024 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


@require_safe
def tiles_file(request: HttpRequest) -> HttpResponse:
    """One range of the file; without a range the request is refused. Everybody may read it, for public maps."""
    file = Path(settings.ROOST_TILES_FILE)
    if not settings.ROOST_TILES_FILE or not file.is_file():
        raise Http404
    size = file.stat().st_size
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    first = int(asked[1]) if asked else size
    if asked is None or first >= size or (asked[2] and int(asked[2]) < first):
        unmet = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=unmet)
    last = min(int(asked[2] or size - 1), size - 1, first + PIECE_MOST - 1)
    with file.open("rb") as opened:
        opened.seek(first)
        piece = opened.read(last - first + 1)
    headers = {
        "Content-Range": f"bytes {first}-{last}/{size}",
        "Accept-Ranges": "bytes",
        # A file that replaces this one has another ETag.
        "ETag": f'"{size:x}-{file.stat().st_mtime_ns:x}"',
        "Cache-Control": "public, max-age=86400",
    }
    return HttpResponse(
        piece, status=HTTPStatus.PARTIAL_CONTENT, content_type="application/octet-stream", headers=headers
    )


urlpatterns = [path("map/tiles.pmtiles", tiles_file, name="tiles-file")]
