"""The search in the URL of a page of stored files."""

from django.contrib import messages
from django.http import HttpRequest

from fleet.core.errors import InvalidInput
from fleet.files.store.selectors import search_check


def search_of(request: HttpRequest) -> str:
    """The search in the URL; one that is too short is said, and finds everything."""
    try:
        return search_check(request.GET.get("q", "")[:100])
    except InvalidInput as error:
        messages.error(request, str(error))
        return ""
