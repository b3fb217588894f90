"""ETags: `If-None-Match` avoids resending an unchanged answer, `If-Match` avoids overwriting somebody else's change.

The tag covers the whole answer, so each `fields=` selection has its own tag. To change a name, use `fields=name`: that
tag does not change with every contact of the station.
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
#: Maximum tags read from one header; no client remembers more versions.
_TAGS_MOST = 50


class Conditional:
    """Middleware that sets the ETag of every GET and evaluates `If-None-Match` and `If-Match`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request: a read with 304 if nothing has changed, a change with 412 if something has."""
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
        """Carry out a change only if the tag still matches. An advisory lock serializes changes of the same URL."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"if-match {request.path}"])
            now = self._now(request)
            if now is None or not _is_in(now, request.headers["If-Match"]):
                return problem_make(
                    412, "It has changed since you read it, or does not exist. Read it again, then decide."
                )
            response = self.get_response(request)
            if response.status_code >= 400:
                transaction.set_rollback(True)
            return response

    def _now(self, request: HttpRequest) -> str | None:
        """The tag that a GET of the same URL returns now; None if it does not answer 200."""
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
    """Whether a header names this tag. Weak tags match too: a compressing proxy makes tags weak."""
    if header.strip() == "*":
        return True
    return tag in (part.strip().removeprefix("W/") for part in header.split(",")[:_TAGS_MOST])
