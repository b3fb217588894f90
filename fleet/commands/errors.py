"""Refusals about commands."""

from fleet.core.errors import DomainError


class CommandUnknown(DomainError):
    """There is no command of that name."""


class CommandNotOpen(DomainError):
    """The command is closed already."""


class CommandNotAllowed(DomainError):
    """This person may not send this command."""


class StationRetired(DomainError):
    """A retired station takes no commands."""


class TooDangerous(DomainError):
    """So many dangerous commands went to this station lately that no more are taken."""


class TooManyWaiting(DomainError):
    """So many commands wait for this station that no more are taken."""
