"""Secrets that sign messages to destinations, derived so that a copy of the database does not contain them."""

from secrets import token_hex

from django.utils.crypto import salted_hmac

from fleet.alerts.models import Destination


def seed_new() -> str:
    """A seed for a new destination's secret."""
    return token_hex(16)


def destination_secret(destination: Destination | None) -> str:
    """The secret of a destination; empty if it has none."""
    if destination is None or not destination.secret_seed:
        return ""
    return salted_hmac("fleet.alerts.destinations", destination.secret_seed, algorithm="sha256").hexdigest()
