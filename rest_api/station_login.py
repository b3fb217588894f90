"""Authentication with a station's own login, the one for the broker, as Basic in the `Authorization` header."""

import base64
import binascii

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from fleet.stations.logins.check import credential_find
from fleet.stations.models import Credential
from rest_api.authentication import KeyHolder
from rest_api.limits import guess_count


class StationLoginAuthentication(BaseAuthentication):
    """`Authorization: Basic <name and password>`. A request with another scheme is left to the next class."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, Credential] | None:
        """Return the holder and the login. Raises `AuthenticationFailed` if it does not work."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"basic":
            return None
        name, password = _read(parts[1] if len(parts) == 2 else b"")
        credential = credential_find(username=name, password=password)
        if credential is None:
            plain: HttpRequest = request._request  # noqa: SLF001 - the library has no other name for it
            guess_count(plain)
            raise AuthenticationFailed(
                "This login does not work: it is unknown, revoked, replaced, or from before uploads existed. "
                "Rotate the login of the station, or enrol the desk again."
            )
        if credential.station.suspended_at is not None:
            raise AuthenticationFailed("This station is suspended: an operator can let it in again on its page.")
        return KeyHolder(), credential


class StationLoginScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The login as a security scheme of the OpenAPI document."""

    target_class = StationLoginAuthentication
    name = "station"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:  # noqa: ARG002 - the library's signature
        """Basic authentication."""
        return {"type": "http", "scheme": "basic", "description": "The login of a station, as it has for the broker."}


def _read(encoded: bytes) -> tuple[str, str]:
    try:
        name, _colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name.replace("\x00", ""), password
