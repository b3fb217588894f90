"""The search in the URL of a page of stored files."""

from django.contrib import messages
from django.http import HttpRequest

from fleet.core.errors import InvalidInput
from fleet.files.store.selectors import search_check


def search_of(request: HttpRequest) -> str:
    """The search text in the URL; one that is too short adds a message and becomes empty, which finds everything."""
    try:
        return search_check(request.GET.get("q", "")[:100])
    except InvalidInput as error:
        messages.error(request, str(error))
        return ""
