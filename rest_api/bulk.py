"""Creating many things in one POST: a list in, one outcome per item in the same order; a bad item fails alone."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.response import Response

from fleet.core.errors import DomainError, InvalidInput
from rest_api.problems import problem_body
from rest_api.questions import Problem

#: Maximum items in one request.
ITEMS_MOST = 500


class BulkItemOut(serializers.Serializer[Any]):
    """The outcome of one item."""

    status = serializers.IntegerField(help_text="The status it would have had if sent alone.")
    result = serializers.DictField(required=False, help_text="The created object.")
    problem = Problem(required=False)


class BulkOut(serializers.Serializer[Any]):
    """The outcomes, in the order of the items."""

    results = BulkItemOut(many=True)


def bulk_answer(items: list[Any], kind: type[serializers.Serializer[Any]], make: Callable[[Any], Any]) -> Response:
    """Validate and create each item; answer 200 with one outcome each. Raises `InvalidInput` for a bad item count."""
    if not 1 <= len(items) <= ITEMS_MOST:
        raise InvalidInput(f"Send 1 to {ITEMS_MOST} items; this list has {len(items)}.")
    return Response({"results": [_one(item, kind, make) for item in items]})


def _one(item: Any, kind: type[serializers.Serializer[Any]], make: Callable[[Any], Any]) -> dict[str, Any]:
    try:
        with transaction.atomic():
            checked = kind(data=item)
            checked.is_valid(raise_exception=True)
            return {"status": 201, "result": make(checked.validated_data)}
    except (DomainError, serializers.ValidationError) as error:
        body = problem_body(error)
        return {"status": body["status"], "problem": body}
