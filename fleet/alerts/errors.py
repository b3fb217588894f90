"""Errors of alerts."""

from fleet.core.errors import DomainError


class NotAMember(DomainError):
    """The user is not a member, and only members get an organization's alerts."""
