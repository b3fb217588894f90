"""Pages of lists: their shape in the API, and the opaque cursors that mark where the next one begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fleet.core.errors import InvalidInput
from fleet.telemetry.positions import PositionCursor
from fleet.telemetry.selectors import DetectionCursor

Row = TypeVar("Row")
Serializer = serializers.Serializer[Any]
Field = serializers.Field[Any, Any, Any, Any]

_CURSOR_MOST = 1_000


def page_of(name: str, row: type[Serializer], description: str, **beside: Field) -> type[Serializer]:
    """The serializer of a page of rows, called `name` in the document. Fields in `beside` precede the rows."""
    fields = {
        **beside,
        "results": row(many=True),
        "next": serializers.URLField(allow_null=True, help_text="URL of the next page, or null on the last page."),
    }
    return type(name, (serializers.Serializer,), {"__doc__": description, "__module__": row.__module__, **fields})


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows of one page, and the URL of the next page."""

    rows: Sequence[Row]
    next: str | None

    def response(self, kind: type[Serializer], row: Callable[[Row], Any] | None = None, **beside: Any) -> Response:
        """Answer with this page through `kind`, a serializer made by `page_of`. `row` converts each row first."""
        rows = self.rows if row is None else [row(one) for one in self.rows]
        return Response(kind({**beside, "results": rows, "next": self.next}).data)


def page_cut(rows: Sequence[Row], limit: int, address: Callable[[Row], str]) -> Page[Row]:
    """A page of the first `limit` rows. If there are more, the next page's URL is `address` of the last row here."""
    return Page(rows[:limit], address(rows[limit - 1]) if len(rows) > limit else None)


def cursor_encode(*values: datetime | float | str | None) -> str:
    """Encode values as one opaque string."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def moment_cursor(text: str) -> datetime | None:
    """The moment in a cursor, or None without a cursor. Raises `InvalidInput` if we did not make the cursor."""
    return _moment(cursor_decode(text, 1)[0]) if text else None


def detection_cursor(text: str) -> DetectionCursor | None:
    """The detection at which the next page starts, or None without a cursor."""
    if not text:
        return None
    at, *numbers = cursor_decode(text, 4)
    if not all(type(number) is int and abs(number) < 2**31 for number in numbers):
        raise cursor_bad()
    return DetectionCursor(_moment(at), *numbers)


def position_cursor(text: str) -> PositionCursor | None:
    """The GPS fix at which the next page starts, or None without a cursor."""
    if not text:
        return None
    at, line, source = cursor_decode(text, 3)
    if type(line) is not int or abs(line) >= 2**31 or not isinstance(source, str) or "\x00" in source:
        raise cursor_bad()
    return PositionCursor(_moment(at), line, source)


def number_cursor(text: str) -> int | None:
    """The number in a cursor, or None without a cursor."""
    if not text:
        return None
    (number,) = cursor_decode(text, 1)
    if type(number) is not int or abs(number) >= 2**63:
        raise cursor_bad()
    return number


def cursor_address(request: Request, cursor: str) -> str:
    """The URL of the same request with this cursor."""
    return _address(request, cursor=cursor)


def next_address(request: Request, cursor: str, *, start: datetime, end: datetime) -> str:
    """The URL of the same request with this cursor and an explicit range, so that the default "now" stays fixed."""
    return _address(request, **{"from": start.isoformat(), "to": end.isoformat(), "cursor": cursor})


def _address(request: Request, **changed: str) -> str:
    query = request.query_params.copy()
    for name, value in changed.items():
        query[name] = value
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def cursor_decode(text: str, length: int) -> list[Any]:
    """Decode the values in a cursor; their types are not checked yet."""
    try:
        if len(text) > _CURSOR_MOST:
            raise cursor_bad()
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise cursor_bad() from error
    if not isinstance(values, list) or len(values) != length:
        raise cursor_bad()
    return values


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise cursor_bad() from error
    if timezone.is_naive(moment):
        raise cursor_bad()
    return moment


def cursor_bad() -> InvalidInput:
    """The error for an invalid cursor."""
    return InvalidInput("Invalid cursor. Use the `next` URL of the previous answer unchanged.", field="cursor")
