"""Opaque cursors that mark where the next page of a list begins."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from fleet.core.errors import InvalidInput
from fleet.telemetry.positions import PositionCursor
from fleet.telemetry.selectors import DetectionCursor

_CURSOR_MOST = 1_000


def cursor_encode(*values: datetime | float | str | None) -> str:
    """Encode values as one opaque string."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def moment_cursor(text: str) -> datetime | None:
    """The moment in a cursor, or None for no cursor. Raises `InvalidInput` for a cursor that we did not make."""
    return _moment(cursor_decode(text, 1)[0]) if text else None


def detection_cursor(text: str) -> DetectionCursor | None:
    """The place of a detection in a cursor, or None for no cursor."""
    if not text:
        return None
    at, *numbers = cursor_decode(text, 4)
    if not all(type(number) is int and abs(number) < 2**31 for number in numbers):
        raise cursor_bad()
    return DetectionCursor(_moment(at), *numbers)


def position_cursor(text: str) -> PositionCursor | None:
    """The place of a GPS fix in a cursor, or None for no cursor."""
    if not text:
        return None
    at, line, source = cursor_decode(text, 3)
    if type(line) is not int or abs(line) >= 2**31 or not isinstance(source, str) or "\x00" in source:
        raise cursor_bad()
    return PositionCursor(_moment(at), line, source)


def number_cursor(text: str) -> int | None:
    """The number in a cursor, or None for no cursor."""
    if not text:
        return None
    (number,) = cursor_decode(text, 1)
    if type(number) is not int or abs(number) >= 2**63:
        raise cursor_bad()
    return number


def cursor_address(request: Request, cursor: str) -> str:
    """The URL of the same request with this cursor."""
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def next_address(request: Request, cursor: str, *, start: datetime, end: datetime) -> str:
    """The URL of the same request with this cursor and an explicit range, so that a default of "now" does not move."""
    query = request.query_params.copy()
    query["from"], query["to"], query["cursor"] = start.isoformat(), end.isoformat(), cursor
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
