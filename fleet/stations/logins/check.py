"""Checking a station's login that arrives over HTTPS: its name and password on the broker, against the stored hash."""

import hmac

from django.db.models import Q

from fleet.core import clock
from fleet.stations.logins.enrolment import token_hash
from fleet.stations.models import Credential


def credential_find(*, username: str, password: str) -> Credential | None:
    """The working login with this name and password, with its station; None for any other.

    A login from before uploads has no hash, so it works only after a rotation.
    """
    credential = (
        Credential.objects.filter(Q(ends_at=None) | Q(ends_at__gt=clock.now()), username=username, revoked_at=None)
        .filter(station__retired_at=None, station__deleted_at=None)
        .select_related("station")
        .first()
    )
    if credential is None or not hmac.compare_digest(credential.secret_hash, token_hash(password)):
        return None
    return credential
