"""`Idempotency-Key` on POST: a request sent again because its answer got lost runs once and gets the same answer.

unknown key ──request runs; its answer is saved in the same transaction──▶ saved for a day ──same body──▶ same answer
                                                                                           └──different body──▶ 422

A saved answer belongs to the API key or person that asked. Callers without a valid login go straight to the view.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from psycopg.errors import LockNotAvailable

from fleet.core.requests.repeats import Answer, Repeated, answer_keep, answer_reserve
from rest_api.authentication import asker_checked
from rest_api.limits import asker_count, window_left_s
from rest_api.problems import problem_make, problem_throttled
from rest_api.requests import is_api

HEADER = "Idempotency-Key"
#: Maximum characters in a key.
KEY_MOST = 255
KEPT = timedelta(hours=24)
#: Seconds to wait while the first request is still running; this one has already waited for its lock.
_RETRY_AFTER = "2"


class Repeats:
    """Middleware that runs a POST with a key once. A failed one is not saved and may be sent again with that key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, or repeat the saved answer."""
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not is_api(request):
            return self.get_response(request)
        asker = asker_checked(request)
        # Never return a saved answer without a valid login: the view reports what is missing.
        if not asker:
            return self.get_response(request)
        if not key or len(key) > KEY_MOST or not key.isprintable():
            return problem_make(400, f"`{HEADER}` must have 1 to {KEY_MOST} printable characters.")
        where = hashlib.sha256(f"{asker}\n{request.path}\n{key}".encode()).hexdigest()
        body = hashlib.sha256(request.META.get("CONTENT_TYPE", "").encode() + b"\n" + request.body).hexdigest()
        try:
            return self._once(request, asker, where, body)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            busy = problem_make(409, "The same request is still running. Try again in a moment.")
            busy.headers["Retry-After"] = _RETRY_AFTER
            return busy

    def _once(self, request: HttpRequest, asker: str, where: str, body: str) -> HttpResponse:
        with transaction.atomic():
            try:
                answer = answer_reserve(where=where, body=body, kept=KEPT)
            except Repeated as error:
                return problem_make(422, str(error))
            if answer is not None:
                return _again(answer) if asker_count(request, asker) else problem_throttled(window_left_s())
            response = self.get_response(request)
            if response.status_code >= 400 or response.streaming:
                transaction.set_rollback(True)
                return response
            is_secret = "no-store" in response.headers.get("Cache-Control", "")
            answer_keep(
                where=where,
                answer=Answer(
                    status=response.status_code,
                    content_type=response.headers.get("Content-Type", ""),
                    # Secrets are shown once and not saved: a repeat only learns that the request was carried out.
                    body="" if is_secret else response.content.decode(),
                    is_secret=is_secret,
                ),
            )
            return response


def _again(answer: Answer) -> HttpResponse:
    if answer.is_secret:
        return problem_make(
            409,
            "This request was already carried out. Its answer held a secret, which is shown only once and not kept.",
        )
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type or None)
    response.headers["Idempotent-Replayed"] = "true"
    return response
