"""A file as a download that can be resumed: whole or in ranges, streamed by both kinds of server."""

import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

#: Bytes read at once.
_PIECE: Final = 262_144
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_answer(request: HttpRequest, path: Path, *, name: str, tag: str, content_type: str) -> HttpResponseBase:
    """The file as a download called `name`. `tag` changes with its contents, so that parts never mix.

    One range is served. Several ranges at once, or a range of older contents (`If-Range`), get the whole file.
    """
    size, mark = path.stat().st_size, f'"{tag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": mark,
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        # Compressing a range would give other bytes than those asked for.
        "Content-Encoding": "identity",
    }
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    first, last = 0, size - 1
    is_part = asked is not None and (asked[1] or asked[2]) and request.headers.get("If-Range", mark) == mark
    if asked is not None and is_part:
        first = int(asked[1]) if asked[1] else max(size - int(asked[2]), 0)
        last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
        if first > last:
            unmet = {**headers, "Content-Range": f"bytes */{size}"}
            return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=unmet)
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    status = HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK
    if request.method == "HEAD":
        return HttpResponse(status=status, content_type=content_type, headers=headers)
    pieces = _pieces(path, first, last)
    content = _iterate_async(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(content, status=status, content_type=content_type, headers=headers)


def _pieces(path: Path, first: int, last: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece


async def _iterate_async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (piece := await sync_to_async(lambda: next(pieces, None))()) is not None:
        yield piece
