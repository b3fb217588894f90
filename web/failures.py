"""Answers to requests that no view could answer: a page for people, a problem document for programs."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.views.defaults import bad_request, server_error

from rest_api.problems import problem_make


def refusal(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of status 400, for a request that cannot be read."""
    if not _is_from_program(request):
        is_files = isinstance(exception, TooManyFilesSent)
        return bad_request(request, exception, "400_files.html" if is_files else "400.html")
    if isinstance(exception, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 1_000_000
        return problem_make(413, f"The body is longer than {most:.1f} MB: send it in parts.")
    if isinstance(exception, TooManyFieldsSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        return problem_make(400, f"The request has more than {most} fields: ask for less at a time.")
    return problem_make(400, "The request cannot be read: check its address, headers and body.")


def failure(request: HttpRequest) -> HttpResponse:
    """Django's handler of status 500; the error is in the log."""
    if not _is_from_program(request):
        return server_error(request)
    return problem_make(
        500,
        "Something went wrong on the server; the error is in its log. Try again later, or tell its administrators.",
    )


def _is_from_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
