"""Refusals about alerts."""

from fleet.core.errors import DomainError


class NotAMember(DomainError):
    """Only members of an organization get its alerts."""
