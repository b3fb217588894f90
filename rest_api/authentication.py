"""Logging in with an API key in the `Authorization` header."""

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from fleet.core.origin import origin_now
from fleet.organizations.access import Viewer, viewer_of_key, viewer_of_user
from fleet.organizations.keys import api_key_find
from fleet.organizations.models import ApiKey
from rest_api.limits import guess_count

_KEYWORD = "Bearer"


class KeyHolder:
    """Whoever holds a key: logged in, but no person."""

    is_authenticated = True
    is_active = True
    pk = None


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`. A request without that header is left to the next way of logging in."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        """The holder and the key; refused when the key does not work."""
        secret = _secret_of(request)
        if secret is None:
            return None
        key = api_key_find(secret=secret)
        if key is None:
            # Only wrong keys are slowed down: others behind the same address go on.
            guess_count(request._request)  # noqa: SLF001 - the library has no other name for it
            raise AuthenticationFailed(
                "This key does not work: it is unknown, revoked or expired. Use `Authorization: Bearer <key>`."
            )
        origin = origin_now()
        of_whom = f" of {getattr(key, 'person_name', '')}" if key.person_id is not None else ""
        origin.name, origin.key_prefix = f"key {key.name}{of_whom}", key.prefix
        return KeyHolder(), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the library's signature
        """What an answer 401 asks for."""
        return _KEYWORD


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the key stands in the OpenAPI document."""

    target_class = ApiKeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - the library's signature
        """A bearer key."""
        return {"type": "http", "scheme": "bearer", "description": "A key of an organization."}


def asker_checked(request: HttpRequest) -> str:
    """A word for whoever asks, once they have shown it: the key that works, or the person of the session; else empty.

    For what runs before any view. The view checks again, and says why it refuses.
    """
    secret = _secret_of(request)
    if secret is not None:
        key = api_key_find(secret=secret)
        return f"key:{key.prefix}" if key is not None else ""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        return ""
    try:
        SessionAuthentication().enforce_csrf(request)  # type: ignore[arg-type]  # it asks for nothing else
    except PermissionDenied:
        return ""
    return f"person:{user.pk}"


def _secret_of(request: Request | HttpRequest) -> str | None:
    """What stands behind `Bearer`; None where the header is absent or of another kind."""
    parts = get_authorization_header(request).split()  # type: ignore[arg-type]  # it reads META, which both have
    if not parts or parts[0].lower() != _KEYWORD.lower().encode():
        return None
    return parts[1].decode("ascii", errors="replace") if len(parts) == 2 else ""


def viewer_of(request: Request) -> Viewer:
    """Who asks: the key's organization, or the person of the session."""
    if isinstance(request.auth, ApiKey):
        return viewer_of_key(request.auth)
    return viewer_of_user(request.user)
