"""Headers, parameters and responses that middleware adds to every operation, declared here in the OpenAPI document.

Views do not declare them, so no view can forget one.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from rest_api import fields
from rest_api.problems import CONTENT_TYPE, phrase_of
from rest_api.repeats import HEADER, KEY_MOST

_JSON = "application/json"
_QUESTION, _CHANGES, _BODIES = "get", ("post", "put", "patch", "delete"), ("post", "put", "patch")
_TAGS_MOST = 1_000


def operations_complete(result: Any, **_more: Any) -> Any:
    """Complete every operation; a postprocessing hook for drf-spectacular."""
    for path in result["paths"].values():
        for method, operation in path.items():
            _complete(operation, method, has_tag=_answers_json(path.get(_QUESTION)))
    for schema in _schemas(result):
        if "default" in schema and not _is_allowed(schema):
            # An empty default means "no filter". Clients cannot send that value, so the document must not show it.
            del schema["default"]
    return result


def _complete(operation: dict[str, Any], method: str, *, has_tag: bool) -> None:
    parameters, answers = operation.setdefault("parameters", []), operation["responses"]
    if method == _QUESTION and has_tag:
        parameters += [_FIELDS, _header("If-None-Match", "ETags of answers you already have.")]
        answers["304"] = {"description": "The answer you have is still current."}
        answers["200"].setdefault("headers", {})["ETag"] = _response_header("Identifies this version of the answer.")
    if method in _CHANGES and has_tag:
        parameters.append(_header("If-Match", "Make the change only if GET on this URL still has this ETag."))
        _problem(answers, HTTPStatus.PRECONDITION_FAILED)
    if method == "post" and _has_login(operation):
        parameters.append(_header(HEADER, "Requests repeated with this key within 24 hours run once.", most=KEY_MOST))
        _problem(answers, HTTPStatus.CONFLICT)
        _problem(answers, HTTPStatus.UNPROCESSABLE_ENTITY)
    if method in _BODIES:
        _problem(answers, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    _problem(answers, HTTPStatus.TOO_MANY_REQUESTS)
    answers["429"].setdefault("headers", {})["Retry-After"] = _response_header("Seconds to wait before trying again.")
    for status, answer in answers.items():
        answer["description"] = answer["description"] or phrase_of(HTTPStatus(int(status)))
    operation["responses"] = dict(sorted(answers.items()))


_FIELDS = {
    "in": "query",
    "name": fields.PARAMETER,
    "schema": {"type": "string", "minLength": 1, "maxLength": _TAGS_MOST},
    "description": (
        "Comma-separated fields to return, of the answer or of each row of a list. All others are left out, even those "
        "that the schema requires."
    ),
}


def _header(name: str, description: str, *, most: int = _TAGS_MOST) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": most}
    return {"in": "header", "name": name, "schema": schema, "description": description}


def _response_header(description: str) -> dict[str, Any]:
    return {"schema": {"type": "string"}, "description": description}


def _problem(answers: dict[str, Any], status: HTTPStatus) -> None:
    problem = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answers.setdefault(str(status.value), {"content": problem, "description": ""})


def _answers_json(operation: dict[str, Any] | None) -> bool:
    return operation is not None and _JSON in operation["responses"].get("200", {}).get("content", {})


def _has_login(operation: dict[str, Any]) -> bool:
    return any(operation.get("security", ()))


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object in the document."""
    if isinstance(part, dict):
        yield part
        for inner in list(part.values()):
            yield from _schemas(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _schemas(inner)


def _is_allowed(schema: dict[str, Any]) -> bool:
    """Whether the schema allows its own default, judged by `enum` and `minLength`."""
    default = schema["default"]
    if "enum" in schema and default not in schema["enum"]:
        return False
    return not (isinstance(default, str) and len(default) < schema.get("minLength", 0))
