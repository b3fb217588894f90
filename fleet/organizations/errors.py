"""Refusals about rights, members and invitations of an organization."""

from fleet.core.errors import DomainError


class NotAllowed(DomainError):
    """This person or key may see it, but not do that."""


class LastOwner(DomainError):
    """An organization needs at least one owner who can log in."""


class InvitationNotOpen(DomainError):
    """The invitation was revoked, has expired, or was already accepted."""


class InvitedElsewhere(NotAllowed):
    """The invitation went to an address that this person has not confirmed."""


class TooMany(DomainError):
    """The limit on invitations, organizations or keys is reached."""
