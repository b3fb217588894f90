"""What every question to the API shares: strict parameters, ranges of time, and the shape of a problem."""

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
#: Without `from` a question is about the last day.
_USUAL_RANGE = timedelta(days=1)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names it does not know, so that a typing error is not taken for no filter."""

    def to_internal_value(self, data: Any) -> Any:
        """Check names before values."""
        if hasattr(data, "keys") and (unknown := set(data.keys()) - set(self.fields)):
            known = ", ".join(sorted(self.fields))
            raise serializers.ValidationError(
                {name: [f"There is nothing of this name here; there are: {known}."] for name in sorted(unknown)}
            )
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.STR)
class WidthField(serializers.Field[timedelta, str, str, timedelta]):
    """A length of time as seconds (`300`) or with a unit (`5m`, `1h`, `7d`)."""

    default_error_messages = {"wrong": "Give a length of time as 300, 5m, 1h or 7d; at most 3660d."}

    def to_internal_value(self, data: str) -> timedelta:
        """The length of time."""
        match = _WIDTH.match(str(data))
        width = timedelta(seconds=int(match.group(1)) * _UNITS[match.group(2)]) if match else timedelta(0)
        if not timedelta(0) < width <= _WIDTH_MOST:
            self.fail("wrong")
        return width

    def to_representation(self, value: timedelta) -> str:
        """Seconds."""
        return str(int(value.total_seconds()))


class RangeQuery(StrictSerializer):
    """`from` and `to`, both ISO 8601; without them the last 24 hours. `to` is left out of the range."""

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it cannot be declared as the others are."""
        start = serializers.DateTimeField(required=False, help_text="First moment; without it a day before `to`.")
        end = serializers.DateTimeField(required=False, help_text="Moment before which it ends; without it now.")
        return {"from": start, "to": end, **super().get_fields()}


def query_read(request: Request, kind: type[StrictSerializer]) -> dict[str, Any]:
    """The checked parameters of a request."""
    asked = request.query_params.copy()
    # Every question takes it, and it is answered after the view; see `rest_api.fields`.
    asked.pop(fields.PARAMETER, None)
    query = kind(data=asked)
    query.is_valid(raise_exception=True)
    checked: dict[str, Any] = query.validated_data
    return checked


def range_of(checked: dict[str, Any]) -> tuple[datetime, datetime]:
    """Begin and end of a `RangeQuery`."""
    end: datetime = checked.get("to") or clock.now()
    earliest = datetime.min.replace(tzinfo=end.tzinfo) + _USUAL_RANGE
    return checked.get("from") or (end - _USUAL_RANGE if end > earliest else earliest), end


class ProblemField(serializers.Serializer[Any]):
    """One wrong field."""

    field = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """What went wrong, as RFC 9457 has it."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ProblemField(many=True, required=False)  # type: ignore[assignment]


def json_check(value: Any, *, most: int) -> None:
    """Refuse an object that the database cannot keep, or that is longer than `most` characters of JSON."""
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise serializers.ValidationError("It has a character or number that cannot be stored.") from error
    if len(text) > most:
        raise serializers.ValidationError(f"It is longer than {most} characters of JSON.")
    if "\\u0000" in text:
        raise serializers.ValidationError("It has a character that cannot be stored.")


#: Every reason not to believe a row, as programs are told it.
SUSPICIONS = tuple(reason.name.lower() for reason in Suspicion)


class SuspicionsField(serializers.ListField):
    """Why a row is not believed as it stands: one word each, from its flags."""

    def __init__(self, **more: Any) -> None:
        child = serializers.ChoiceField(choices=SUSPICIONS)
        super().__init__(child=child, help_text="Why it is not believed as it stands; mostly empty.", **more)

    def to_representation(self, data: Any) -> list[str]:
        """The words of flags."""
        return suspicion_codes(data)


def answers(good: dict[Any, Any], *problems: HTTPStatus) -> dict[Any, Any]:
    """The answers of an operation for the OpenAPI document: the good ones, and problems."""
    return {**good, **{(status.value, CONTENT_TYPE): Problem for status in problems}}


#: What any question about a station may be answered with instead.
READ_PROBLEMS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
#: Where only owners see all that there is.
OWNER_READ_PROBLEMS = (*READ_PROBLEMS, HTTPStatus.FORBIDDEN)
WRITE_PROBLEMS = (*OWNER_READ_PROBLEMS, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
#: What a device that nobody knows may be answered with instead.
DEVICE_PROBLEMS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
