"""Refusals about sites."""

from fleet.core.errors import DomainError


class SiteInUse(DomainError):
    """Stations are or were at the site."""
