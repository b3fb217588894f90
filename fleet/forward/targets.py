"""Targets of forwarders: their settings with the secret ones decrypted, and the ids that the receiver gave."""

import json
from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _

from fleet.core.sealing import seal, unseal
from fleet.forward.kinds.base import ForwarderKind, ForwardError, ForwardTarget
from fleet.forward.models import Forwarder, GivenId

_PURPOSE: Final = "forwarder"


class StoredIds:
    """Ids that a receiver gave, in the database."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder

    def get(self, key: str) -> str | None:
        """The id, if the thing was created there."""
        return GivenId.objects.filter(forwarder=self._forwarder, key=key).values_list("there", flat=True).first()

    def put(self, key: str, there: str) -> None:
        """Store the id at once; the last one counts."""
        GivenId.objects.update_or_create(forwarder=self._forwarder, key=key, defaults={"there": there})


def secrets_seal(secrets: Mapping[str, str]) -> str:
    """Encrypt the secret settings for the row."""
    return seal(json.dumps(dict(secrets)), purpose=_PURPOSE)


def secrets_of(forwarder: Forwarder) -> dict[str, str] | None:
    """The secret settings; None if no key of this server opens them."""
    opened = unseal(forwarder.sealed_secrets, purpose=_PURPOSE)
    return None if opened is None else json.loads(opened)


def target_of(forwarder: Forwarder, kind: ForwarderKind, *, until: float) -> ForwardTarget:
    """The target; see `ForwardTarget.until`. Raises `ForwardError` if the secrets cannot be opened."""
    secrets = secrets_of(forwarder)
    if secrets is None:
        raise ForwardError(_("The stored secrets cannot be read with this server's key: enter them again."))
    settings = {one.name: one.initial for one in kind.settings} | forwarder.settings | secrets
    return ForwardTarget(
        name=f"forwarder-{forwarder.pk}",
        organization=forwarder.organization.slug,
        settings=settings,
        ids=StoredIds(forwarder),
        until=until,
    )
