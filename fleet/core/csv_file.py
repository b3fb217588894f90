"""Streamed downloads; CSV is protected against formula injection."""

import codecs
import csv
import io
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.cache import patch_vary_headers

Cell = str | int | float | None
#: The start of a cell that spreadsheets read as a formula: they skip leading blanks, and full-width signs count too.
_FORMULA = re.compile(r"[\t\r\n]|[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
#: Without this mark, spreadsheets decode UTF-8 in the machine's own encoding: ZÃ¼rich.
CSV_MARK = codecs.BOM_UTF8
#: Rows per chunk.
_PIECE = 200
_GZIP = re.compile(r"\bgzip\b")
_GZIP_WBITS = 31


def csv_response(
    request: HttpRequest, *, name: str, head: Sequence[Cell], rows: Iterable[Sequence[Cell]]
) -> StreamingHttpResponse:
    """The rows as a download called `name`; they are read chunk by chunk while the response is sent."""
    pieces = chain([CSV_MARK], _pieces(head, rows))
    return stream_response(request, pieces, name=name, content_type="text/csv; charset=utf-8")


def stream_response(
    request: HttpRequest, pieces: Iterator[bytes], *, name: str, content_type: str, is_packed: bool = False
) -> StreamingHttpResponse:
    """The chunks as a download called `name`, made while it is sent; gzipped for clients that accept gzip.

    `is_packed`: the chunks are compressed already. An error midway breaks the connection, so that the client sees that
    the file is incomplete.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    if not is_packed and _GZIP.search(request.headers.get("Accept-Encoding", "")):
        pieces = _gzip(pieces)
        headers["Content-Encoding"] = "gzip"
    content = _iterate_async(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=content_type, headers=headers)
    if is_packed:
        # Otherwise Django's own middleware would compress it again.
        response.headers["Content-Encoding"] = "identity"
    else:
        patch_vary_headers(response, ["Accept-Encoding"])
    return response


def cell_guarded(cell: Cell) -> Cell:
    """The cell, with an apostrophe in front if its text would be read as a formula; numbers are unchanged."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _pieces(head: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    yield _lines([head])
    left = iter(rows)
    while some := list(islice(left, _PIECE)):
        yield _lines([cell_guarded(cell) for cell in row] for row in some)


def _lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _gzip(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks as one gzip stream. Django's own makes one stream per chunk, and some clients read only the first."""
    packer = zlib.compressobj(wbits=_GZIP_WBITS)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


async def _iterate_async(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks as an async iterator that does not block the server."""
    while (piece := await sync_to_async(lambda: next(pieces, None))()) is not None:
        yield piece
