"""ETags: `If-None-Match` saves an answer that has not changed, `If-Match` a change that somebody else made first.

The tag is that of the whole answer, so a question with `fields=` has one of its own: whoever changes a name does well to
ask with `fields=name`, which does not change with every contact of the station.
"""

import copy
import hashlib
from collections.abc import Callable

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.urls import Resolver404, resolve

from rest_api.problems import problem_make
from rest_api.requests import is_api

_CHANGES = frozenset({"PUT", "PATCH", "DELETE", "POST"})
#: Tags in one header; nobody has seen more versions of one thing.
_TAGS_MOST = 50


class Conditional:
    """Puts a tag on every answer to a question, and compares those that a request brings."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, or say that nothing changed, or that something did."""
        if not is_api(request):
            return self.get_response(request)
        if request.method in _CHANGES and "If-Match" in request.headers:
            return self._change(request)
        response = self.get_response(request)
        if request.method not in ("GET", "HEAD") or response.status_code != 200 or response.streaming:
            return response
        response.headers.setdefault("ETag", _tag_of(response))
        if _is_in(response.headers["ETag"], request.headers.get("If-None-Match", "")):
            unchanged = HttpResponseNotModified()
            for name in ("ETag", "Cache-Control", "Vary"):
                if name in response.headers:
                    unchanged.headers[name] = response.headers[name]
            return unchanged
        return response

    def _change(self, request: HttpRequest) -> HttpResponse:
        """Change it only if it is still as the asker saw it. Those who change one thing do so one after the other."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"if-match {request.path}"])
            now = self._now(request)
            if now is None or not _is_in(now, request.headers["If-Match"]):
                return problem_make(
                    412, "It was changed since you read it, or is not there: read it again, then decide again."
                )
            response = self.get_response(request)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            return response

    def _now(self, request: HttpRequest) -> str | None:
        """The tag that a question to the same address would get; None when there is no answer."""
        asked = copy.copy(request)
        asked.method = "GET"
        asked.META = {**request.META, "REQUEST_METHOD": "GET", "CONTENT_LENGTH": "0"}
        asked.META.pop("HTTP_IF_MATCH", None)
        asked.__dict__.pop("headers", None)
        try:
            resolve(request.path)
        except Resolver404:
            return None
        response = self.get_response(asked)
        return _tag_of(response) if response.status_code == 200 and not response.streaming else None


def _tag_of(response: HttpResponse) -> str:
    return f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'


def _is_in(tag: str, header: str) -> bool:
    """Whether a header names this tag. A proxy that compresses makes tags weak; the content is the same."""
    if header.strip() == "*":
        return True
    return tag in (part.strip().removeprefix("W/") for part in header.split(",")[:_TAGS_MOST])
