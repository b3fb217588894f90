"""The OpenAPI document, a page to read it on, and the answer to addresses that do not exist."""

from typing import Any, NoReturn

from django.http import Http404
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

#: The viewer writes styles into its elements; scripts are files of our own here too.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@extend_schema(exclude=True)
class OpenApiDocument(SpectacularJSONAPIView):
    """The document; no secret is in it, so everybody may read it."""

    permission_classes = (AllowAny,)


@extend_schema(exclude=True)
class Docs(SpectacularSwaggerSplitView):
    """The document as a page, without a file from elsewhere."""

    permission_classes = (AllowAny,)
    url_name = "api:openapi"
    # The library's page has no words for OPTIONS.
    http_method_names = ["get", "head"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page, or its script."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = _DOCS_POLICY
        return response


@extend_schema(exclude=True)
class NothingHere(APIView):
    """An address that the API does not have: a problem like any other, not a page."""

    def _refuse(self, request: Request, rest: str = "") -> NoReturn:  # noqa: ARG002 - Django's signature
        raise Http404

    get = post = put = patch = delete = _refuse
