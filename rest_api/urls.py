"""URLs of the HTTP API, version 1. Each file in `rest_api/v1` is a resource and defines its own `urlpatterns`."""

from django.urls import URLPattern, path, register_converter
from django.urls.converters import PathConverter

from message_queue.folder import folder_modules
from rest_api import v1
from rest_api.document import Docs, NothingHere, OpenApiDocument


class Anything(PathConverter):
    """Like Django's `path`, but also matches URLs that contain line breaks."""

    regex = r"[\s\S]+"


register_converter(Anything, "anything")


def resources() -> list[URLPattern]:
    """URL patterns of all resources, literal parts before placeholders."""
    found: dict[str, URLPattern] = {}
    for module in folder_modules(v1.__name__):
        for pattern in module.urlpatterns:
            if pattern.name in found:
                raise RuntimeError(f"Two URLs of the API are named {pattern.name!r}: rename one in rest_api/v1.")
            found[pattern.name] = pattern
    return sorted(found.values(), key=_parts)


def _parts(pattern: URLPattern) -> list[tuple[bool, str]]:
    return [(part.startswith("<"), part) for part in str(pattern.pattern).split("/")]


app_name = "api"
urlpatterns: list[URLPattern] = [
    path("openapi.json", OpenApiDocument.as_view(), name="openapi"),
    path("docs", Docs.as_view(), name="docs"),
    *resources(),
    path("", NothingHere.as_view(), name="nothing"),
    path("<anything:rest>", NothingHere.as_view(), name="nothing-here"),
]
