"""Authentication with an API key in the `Authorization` header."""

from typing import Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from fleet.core.requests.origin import origin_now
from fleet.organizations.access import Viewer, viewer_of_key, viewer_of_user
from fleet.organizations.keys import api_key_find
from fleet.organizations.models import ApiKey
from rest_api.limits import guess_count

_KEYWORD = "Bearer"


class KeyHolder:
    """The user object of a request with a key: logged in, but not a person."""

    is_authenticated = True
    is_active = True
    pk = None


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`. A request without that header is left to the next authentication class."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        """Return the holder and the key. Raises `AuthenticationFailed` if the key does not work."""
        secret = _secret_of(request)
        if secret is None:
            return None
        key = api_key_find(secret=secret)
        if key is None:
            # Count only wrong keys, so that valid keys in the same network are not slowed down.
            guess_count(request._request)  # noqa: SLF001 - the library has no other name for it
            raise AuthenticationFailed(
                "This key does not work: it is unknown, revoked or expired. Use `Authorization: Bearer <key>`."
            )
        origin = origin_now()
        owner = f" of {getattr(key, 'person_name', '')}" if key.person_id is not None else ""
        origin.name, origin.key_prefix = f"key {key.name}{owner}", key.prefix
        return KeyHolder(), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the library's signature
        """The scheme that a 401 response names."""
        return _KEYWORD


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The key as a security scheme of the OpenAPI document."""

    target_class = ApiKeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - the library's signature
        """A bearer key."""
        return {"type": "http", "scheme": "bearer", "description": "An API key of an organization."}


def asker_checked(request: HttpRequest) -> str:
    """Name of the authenticated caller: `key:<prefix>`, `person:<id>`, or empty without a valid login.

    For middleware. The view authenticates again and reports why it refuses.
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
    """The secret after `Bearer`; None if the header is absent or has another scheme."""
    parts = get_authorization_header(request).split()  # type: ignore[arg-type]  # it reads META, which both have
    if not parts or parts[0].lower() != _KEYWORD.lower().encode():
        return None
    return parts[1].decode("ascii", errors="replace") if len(parts) == 2 else ""


def viewer_of(request: Request) -> Viewer:
    """The viewer behind a request: of the API key, or the person of the session."""
    if isinstance(request.auth, ApiKey):
        return viewer_of_key(request.auth)
    return viewer_of_user(request.user)
