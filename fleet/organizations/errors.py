"""Refusals about who may do what in an organization."""

from fleet.core.errors import DomainError


class NotAllowed(DomainError):
    """This person or key may see it, but not do that."""


class LastOwner(DomainError):
    """An organization keeps at least one owner who can log in."""


class InvitationNotOpen(DomainError):
    """It was revoked, has expired, or somebody accepted it."""


class InvitedElsewhere(NotAllowed):
    """The invitation went to an address that this person has not confirmed."""


class TooMany(DomainError):
    """More invitations or organizations than one may make."""
