"""What is answered when something happened that nobody foresaw: a page to people, a problem to programs."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error


def failure(request: HttpRequest) -> HttpResponse:
    """Django's handler of status 500; what went wrong is in the log."""
    if not request.path.startswith("/api/"):
        return server_error(request)
    problem = {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Something went wrong on the server, which is in its log. Try again later, or tell its administrators.",
    }
    return JsonResponse(problem, status=500, content_type="application/problem+json")
