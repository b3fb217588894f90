"""CSV as a download that is made while it is sent, and that no spreadsheet takes for formulas."""

import codecs
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import chain, islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

Cell = str | int | float | None
#: What a spreadsheet takes for the beginning of a formula: it looks past blanks, and full-width signs count too.
_FORMULA = re.compile(r"[\t\r\n]|[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
#: Without this mark spreadsheets read UTF-8 as the encoding of the machine: ZÃ¼rich.
CSV_MARK = codecs.BOM_UTF8
#: Rows of one piece.
_PIECE = 200


def csv_response(
    request: HttpRequest, *, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> StreamingHttpResponse:
    """The rows as a file of that name; they are asked for piece by piece as they are sent."""
    pieces = chain([CSV_MARK], _pieces(head, rows))
    content = _later(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return StreamingHttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


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


async def _later(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces for a server that waits for none of them."""
    while (piece := await sync_to_async(lambda: next(pieces, None))()) is not None:
        yield piece
