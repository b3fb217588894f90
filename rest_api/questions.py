"""Shared by all API views: strict parameters, time ranges, the problem schema, and lists of possible errors."""

import json
import re
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from fleet.core import clock
from fleet.telemetry.models import Suspicion
from fleet.telemetry.selectors import suspicion_codes
from rest_api import fields
from rest_api.problems import CONTENT_TYPE

_WIDTH = re.compile(r"([0-9]{1,9})([smhd]?)\Z")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_WIDTH_MOST = timedelta(days=3_660)
#: Length of the range when `from` is missing.
_USUAL_RANGE = timedelta(days=1)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown names, so that a misspelled filter is an error and not silently ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """Check names before values."""
        if hasattr(data, "keys") and (unknown := set(data.keys()) - set(self.fields)):
            known = ", ".join(sorted(self.fields))
            raise serializers.ValidationError(
                {name: [f"Unknown name. Known names: {known}."] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.STR)
class WidthField(serializers.Field[timedelta, str, str, timedelta]):
    """A duration in seconds (`300`) or with a unit (`5m`, `1h`, `7d`)."""

    default_error_messages = {"wrong": "Give a duration such as 300 (seconds), 5m, 1h or 7d; at most 3660d."}

    def to_internal_value(self, data: str) -> timedelta:
        """The duration."""
        match = _WIDTH.match(str(data))
        width = timedelta(seconds=int(match.group(1)) * _UNITS[match.group(2)]) if match else timedelta(0)
        if not timedelta(0) < width <= _WIDTH_MOST:
            self.fail("wrong")
        return width

    def to_representation(self, value: timedelta) -> str:
        """Seconds."""
        return str(int(value.total_seconds()))


class RangeQuery(StrictSerializer):
    """`from` (inclusive) and `to` (exclusive), both ISO 8601. Default: the last 24 hours."""

    def get_fields(self) -> dict[str, Any]:
        """Declare `from` and `to` here, because `from` is a Python keyword and cannot be a class attribute."""
        start = serializers.DateTimeField(required=False, help_text="Start, inclusive. Default: a day before `to`.")
        end = serializers.DateTimeField(required=False, help_text="End, exclusive. Default: now.")
        return {"from": start, "to": end, **super().get_fields()}


def query_read(request: Request, kind: type[StrictSerializer]) -> dict[str, Any]:
    """The validated query parameters of a request."""
    asked = request.query_params.copy()
    # Every GET accepts `fields`; middleware handles it after the view, see `rest_api.fields`.
    asked.pop(fields.PARAMETER, None)
    query = kind(data=asked)
    query.is_valid(raise_exception=True)
    checked: dict[str, Any] = query.validated_data
    return checked


def body_read(request: Request, kind: type[serializers.Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
    """The validated body of a request. With `partial`, fields may be missing."""
    body = kind(data=request.data, partial=partial)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def range_of(checked: dict[str, Any]) -> tuple[datetime, datetime]:
    """Start and end of a validated `RangeQuery`."""
    end: datetime = checked.get("to") or clock.now()
    earliest = datetime.min.replace(tzinfo=end.tzinfo) + _USUAL_RANGE
    return checked.get("from") or (end - _USUAL_RANGE if end > earliest else earliest), end


class ProblemField(serializers.Serializer[Any]):
    """An invalid field."""

    field = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """An error, as problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ProblemField(many=True, required=False)  # type: ignore[assignment]


def json_check(value: Any, *, most: int) -> None:
    """Refuse an object that the database cannot store, or that is longer than `most` characters of JSON."""
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise serializers.ValidationError("It contains a character or number that cannot be stored.") from error
    if len(text) > most:
        raise serializers.ValidationError(f"It is longer than {most} characters of JSON.")
    if "\\u0000" in text:
        raise serializers.ValidationError("It contains a character that cannot be stored.")


#: Every reason to doubt a row, by its name in the API.
SUSPICIONS = tuple(reason.name.lower() for reason in Suspicion)


class SuspicionsField(serializers.ListField):
    """Reasons to doubt a row, one word each, derived from its flags."""

    def __init__(self, **more: Any) -> None:
        child = serializers.ChoiceField(choices=SUSPICIONS)
        super().__init__(child=child, help_text="Reasons to doubt these values; usually empty.", **more)

    def to_representation(self, data: Any) -> list[str]:
        """The words for these flags."""
        return suspicion_codes(data)


def answers(good: dict[Any, Any], *problems: HTTPStatus) -> dict[Any, Any]:
    """The responses of an operation for the OpenAPI document: the successful ones and the problems."""
    return {**good, **{(status.value, CONTENT_TYPE): Problem for status in problems}}


#: Errors that any read may return.
READ_PROBLEMS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
#: Errors of reads that only owners may make, or that show owners more.
OWNER_READ_PROBLEMS = (*READ_PROBLEMS, HTTPStatus.FORBIDDEN)
WRITE_PROBLEMS = (*OWNER_READ_PROBLEMS, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
#: Errors for devices that have no login yet.
DEVICE_PROBLEMS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
