"""`fields=a,b` on any GET: return only these fields, for links where every byte costs money."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.response import Response

from rest_api.problems import problem_make
from rest_api.requests import is_api

PARAMETER = "fields"


class SparseFields:
    """Middleware that removes unrequested fields from an answer, or from each row of a list."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request. If it has `fields`, remove all other fields from the answer."""
        response = self.get_response(request)
        asked = request.GET.get(PARAMETER, "")
        if not asked or not is_api(request) or not isinstance(response, Response) or response.status_code != 200:
            return response
        wanted = {name.strip() for name in asked.split(",") if name.strip()}
        rows = _rows(response.data)
        known = set().union(*(row.keys() for row in rows)) if rows else wanted
        if not wanted <= known:
            unknown = ", ".join(f"`{name[:40]}`" for name in sorted(wanted - known))
            detail = f"Unknown fields: {unknown}. This answer has: {', '.join(sorted(known))}."
            return problem_make(400, detail, field=PARAMETER)
        for row in rows:
            for name in known - wanted:
                row.pop(name, None)
        again: Any = response
        again._is_rendered = False  # noqa: SLF001 - Django offers no other way to render once more
        again.render()
        return response


def _rows(data: Any) -> list[dict[str, Any]]:
    """The objects to filter: the rows of a list, or the answer itself."""
    if isinstance(data, dict) and isinstance(data.get("results"), list):
        return [row for row in data["results"] if isinstance(row, dict)]
    return [data] if isinstance(data, dict) else []
