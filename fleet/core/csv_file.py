"""CSV as a download that is made while it is sent, and that no spreadsheet takes for formulas."""

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
#: What a spreadsheet takes for the beginning of a formula: it looks past blanks, and full-width signs count too.
_FORMULA = re.compile(r"[\t\r\n]|[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
#: Without this mark spreadsheets read UTF-8 as the encoding of the machine: ZÃ¼rich.
CSV_MARK = codecs.BOM_UTF8
#: Rows of one piece.
_PIECE = 200
_GZIP = re.compile(r"\bgzip\b")
_GZIP_WBITS = 31


def csv_response(
    request: HttpRequest, *, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> StreamingHttpResponse:
    """The rows as a file of that name; they are asked for piece by piece as they are sent."""
    pieces: Iterator[bytes] = chain([CSV_MARK], _pieces(head, rows))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    if _GZIP.search(request.headers.get("Accept-Encoding", "")):
        pieces = _gzipped(pieces)
        headers["Content-Encoding"] = "gzip"
    content = _later(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def cell_guarded(cell: Cell) -> Cell:
    """Text that would be a formula gets an apostrophe before it; figures stay figures."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _pieces(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    yield _lines([head])
    left = iter(rows)
    while some := list(islice(left, _PIECE)):
        yield _lines([cell_guarded(cell) for cell in row] for row in some)


def _lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces as one gzip stream. Django's own makes a stream of each piece, of which some clients read the first."""
    packer = zlib.compressobj(wbits=_GZIP_WBITS)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


async def _later(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces for a server that waits for none of them."""
    while (piece := await sync_to_async(lambda: next(pieces, None))()) is not None:
        yield piece
