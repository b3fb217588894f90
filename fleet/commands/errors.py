"""Errors of commands."""

from fleet.core.errors import DomainError


class CommandUnknown(DomainError):
    """No command has that name."""


class CommandNotOpen(DomainError):
    """The command is already closed."""


class CommandNotAllowed(DomainError):
    """The caller lacks the role that this command requires."""


class StationRetired(DomainError):
    """A retired station receives no commands."""


class TooDangerous(DomainError):
    """The station received too many dangerous commands recently."""


class TooManyWaiting(DomainError):
    """Too many commands wait for the station already."""
