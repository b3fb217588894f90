"""Addresses that are secrets: encrypted in the row of their destination, with a label in their place."""

from typing import Final

from django.utils.crypto import salted_hmac

from fleet.alerts.models import Destination
from fleet.core.sealing import seal, unseal

_PURPOSE: Final = "alert destination"
#: Characters of a label without its mark.
_LABEL_MOST: Final = 400


def address_sealed(address: str) -> str:
    """The address, encrypted."""
    return seal(address, purpose=_PURPOSE)


def address_opened(destination: Destination) -> str | None:
    """The address of a destination that has one sealed; None if no key of this server opens it."""
    return unseal(destination.sealed_address, purpose=_PURPOSE)


def label_distinct(label: str, address: str) -> str:
    """The label with a mark that tells two secret addresses with the same label apart."""
    mark = salted_hmac("fleet.alerts.sealed_addresses", address, algorithm="sha256").hexdigest()[:8]
    return f"{label[:_LABEL_MOST]} {mark}"
