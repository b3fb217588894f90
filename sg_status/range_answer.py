"""Answering with a file or one range of it (HTTP ranges), read piece by piece while it is sent."""

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import IO, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from fleet.core.errors import Unavailable

_log = logging.getLogger(__name__)
_PIECE: Final = 262_144
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def range_answer(request: HttpRequest, opened: IO[bytes], *, size: int, name: str, tag: str) -> HttpResponseBase:
    """The file, or the one range of it that is asked for. `tag` is its SHA-256; empty for a file known to be damaged.

    If the SHA-256 of a whole file does not match, the download breaks off before the last piece, so that nobody takes
    it for the right file. A file known to be damaged has no ETag, and the header `X-Content-Damaged`.
    """
    etag = f'"{tag}"' if tag else ""
    headers = {
        "Accept-Ranges": "bytes",
        **({"ETag": etag} if tag else {"X-Content-Damaged": "1"}),
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        # If something on the way compressed the file, ranges would count compressed bytes.
        "Content-Encoding": "identity",
        "Cache-Control": "private, no-cache",
    }
    first, last = _range(request, size, etag)
    if first > last and size:
        opened.close()
        headers["Content-Range"] = f"bytes */{size}"
        return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    is_part = last - first + 1 != size
    if is_part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    headers["Content-Length"] = str(last - first + 1)
    opened.seek(first)
    is_checked = bool(tag) and not is_part
    pieces = _pieces_checked(opened, size, tag) if is_checked else _pieces(opened, last - first + 1)
    return StreamingHttpResponse(
        iterate_async(pieces) if isinstance(request, ASGIRequest) else pieces,
        status=HTTPStatus.PARTIAL_CONTENT if is_part else HTTPStatus.OK,
        content_type="application/octet-stream",
        headers=headers,
    )


def _range(request: HttpRequest, size: int, etag: str) -> tuple[int, int]:
    """First and last byte; the whole file unless exactly one range of this very content is asked for."""
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or not (asked[1] or asked[2]) or request.headers.get("If-Range", etag) != etag:
        return 0, size - 1
    if not asked[1]:
        return (max(size - int(asked[2]), 0), size - 1) if int(asked[2]) else (size, size - 1)
    return int(asked[1]), min(int(asked[2] or size - 1), size - 1)


def _pieces(opened: IO[bytes], left: int) -> Iterator[bytes]:
    with opened:
        while left > 0 and (piece := opened.read(min(_PIECE, left))):
            left -= len(piece)
            yield piece


def _pieces_checked(opened: IO[bytes], size: int, sha256: str) -> Iterator[bytes]:
    digest, kept = hashlib.sha256(), b""
    for piece in _pieces(opened, size):
        digest.update(piece)
        if kept:
            yield kept
        kept = piece
    if digest.hexdigest() != sha256:
        _log.error("The stored content %s was read with other bytes; its download was broken off", sha256)
        raise Unavailable("The bytes of this file have changed on the server.")
    if kept:
        yield kept


async def iterate_async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, without blocking the server while the disk is read."""
    while piece := await sync_to_async(lambda: next(pieces, b""))():
        yield piece
