"""Errors as problem details (RFC 9457): a title, one clear sentence, and the invalid fields."""

import logging
import math
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404
from psycopg.errors import LockNotAvailable, QueryCanceled
from rest_framework.exceptions import APIException, NotAuthenticated, Throttled, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from fleet.core.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, TooMany, Unavailable

CONTENT_TYPE = "application/problem+json"

#: Every error of the domain belongs to one of these families, and a test checks that.
_STATUS: dict[type[DomainError], HTTPStatus] = {
    Forbidden: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    NotFound: HTTPStatus.NOT_FOUND,
    InvalidInput: HTTPStatus.BAD_REQUEST,
}
#: Seconds after which clients should try again if the broker is down or a row is locked.
_RETRY_AFTER = "30"

_log = logging.getLogger(__name__)
#: Names from RFC 9110, which Python uses from 3.13 on.
_PHRASES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Range Not Satisfiable",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}


def phrase_of(status: HTTPStatus) -> str:
    """The name of a status, the same on every Python: 3.13 renamed three of them."""
    return _PHRASES.get(status, status.phrase)


def status_of(refusal: type[DomainError]) -> HTTPStatus:
    """The status of a refusal, by its family."""
    return next(status for family, status in _STATUS.items() if issubclass(refusal, family))


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Exception handler for Django REST framework. Returns None, which becomes a 500, for unexpected errors."""
    if isinstance(error, DomainError):
        set_rollback()
        return _of_domain(error)
    if isinstance(error, RecursionError):
        return _problem(HTTPStatus.BAD_REQUEST, "The body is nested too deeply.")
    if isinstance(error, DatabaseError) and isinstance(error.__cause__, QueryCanceled | LockNotAvailable):
        set_rollback()
        return _of_database(error.__cause__)
    response = exception_handler(error, context)
    if response is None:
        return None
    status = HTTPStatus(response.status_code)
    if isinstance(error, ValidationError):
        return _of_validation(error)
    problem = _problem(status, _sentence(error))
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in response:
            problem[header] = response[header]
    return problem


def problem_body(error: DomainError | ValidationError) -> dict[str, Any]:
    """The body of a problem, to embed in an answer that reports several."""
    response = _of_domain(error) if isinstance(error, DomainError) else _of_validation(error)
    body: dict[str, Any] = response.data
    return body


def problem_make(status: int, detail: str, *, field: str = "") -> Response:
    """A rendered problem response, for middleware."""
    response = _problem(HTTPStatus(status), detail, [{"field": field, "detail": detail}] if field else None)
    rendered: Any = response
    rendered.accepted_renderer, rendered.accepted_media_type = JSONRenderer(), "application/json"
    rendered.renderer_context = {}
    rendered.render()
    return response


def problem_throttled(wait_s: float) -> Response:
    """A rendered 429 with `Retry-After`, for middleware."""
    problem = problem_make(429, _sentence(Throttled(wait=wait_s)))
    problem["Retry-After"] = str(math.ceil(wait_s))
    return problem


def _of_validation(error: ValidationError) -> Response:
    found = list(_fields(error.detail))
    errors = [{"field": field, "detail": detail} for field, detail in found]
    return _problem(HTTPStatus(error.status_code), _summary(found), errors)


def _of_domain(error: DomainError) -> Response:
    status = status_of(type(error))
    field = error.field if isinstance(error, InvalidInput) else ""
    response = _problem(status, str(error), [{"field": field, "detail": str(error)}] if field else None)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        _log.error("A request could not be served: %s", error)
        response["Retry-After"] = _RETRY_AFTER
    return response


def _of_database(cause: QueryCanceled | LockNotAvailable) -> Response:
    if isinstance(cause, QueryCanceled):
        return _problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "The query took too long: ask for a shorter time range or fewer rows."
        )
    busy = _problem(HTTPStatus.SERVICE_UNAVAILABLE, "Somebody else is changing the same thing. Try again in a moment.")
    busy["Retry-After"] = _RETRY_AFTER
    return busy


def _problem(status: HTTPStatus, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    body: dict[str, Any] = {"type": "about:blank", "title": phrase_of(status), "status": status.value, "detail": detail}
    if errors:
        body["errors"] = errors
    return Response(body, status=status.value, content_type=CONTENT_TYPE)


def _sentence(error: Exception) -> str:
    if isinstance(error, Throttled):
        seconds: float | None = getattr(error, "wait", None)
        wait = f" Try again in {round(seconds)} s." if seconds is not None else ""
        return f"Too many attempts.{wait}"
    if isinstance(error, NotAuthenticated):
        return "Log in, or send an API key of your organization: `Authorization: Bearer <key>`."
    if isinstance(error, Http404):
        return "Nothing at this URL, or nothing that you may see."
    if isinstance(error, APIException):
        return str(error.detail)
    return str(error) if isinstance(error, PermissionDenied) and str(error) else "You may not do this."


def _fields(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each message of a validation error with the path of its field (`parameters.seconds`)."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _fields(inner, f"{path}.{own}".strip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _fields(inner, path)
    else:
        yield path, str(detail)


def _summary(found: list[tuple[str, str]]) -> str:
    field, detail = found[0] if found else ("", "The request is invalid.")
    return f"`{field}`: {detail}" if field else detail
