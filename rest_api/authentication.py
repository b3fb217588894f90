"""Logging in with an API key in the `Authorization` header."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
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
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != _KEYWORD.lower().encode():
            return None
        secret = parts[1].decode("ascii", errors="replace") if len(parts) == 2 else ""
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


def viewer_of(request: Request) -> Viewer:
    """Who asks: the key's organization, or the person of the session."""
    if isinstance(request.auth, ApiKey):
        return viewer_of_key(request.auth)
    return viewer_of_user(request.user)
