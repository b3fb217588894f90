"""What the domain refuses about places."""

from fleet.core.errors import DomainError


class SiteInUse(DomainError):
    """Stations stand or stood at the site."""
