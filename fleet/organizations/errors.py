"""Refusals about who may do what in an organization."""

from fleet.core.errors import DomainError


class NotAllowed(DomainError):
    """This person or key may see it, but not do that."""
