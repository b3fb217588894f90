"""The OpenAPI document, a page that displays it, and the 404 for unknown URLs."""

from typing import Any, NoReturn

from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

#: The viewer needs inline styles; scripts come only from our own files, as everywhere else.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@extend_schema(exclude=True)
class OpenApiDocument(SpectacularJSONAPIView):
    """The OpenAPI document. It holds no secrets, so no login is needed."""

    permission_classes = (AllowAny,)


@extend_schema(exclude=True)
class Docs(SpectacularSwaggerSplitView):
    """The document as a page that loads no third-party files."""

    permission_classes = (AllowAny,)
    url_name = "api:openapi"
    # Without OPTIONS, which the library's page does not document.
    http_method_names = ["get", "head"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page or its script."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _DOCS_POLICY
        return response


@extend_schema(exclude=True)
class NothingHere(APIView):
    """Unknown URL below the API: answers with a problem like any other error, not with an HTML page."""

    def _refuse(self, request: Request, rest: str = "") -> NoReturn:  # noqa: ARG002 - Django's signature
        raise Http404

    get = post = put = patch = delete = _refuse
