"""Refusals of synchronisation, named for what is refused."""

from fleet.core.errors import DomainError


class SystemUnknown(DomainError):
    """There is no adapter of that name."""


class SyncRunning(DomainError):
    """One check of a system is enough at a time."""


class SyncTooSoon(DomainError):
    """The outside system was asked a short time ago, or asked us to wait."""


class SyncNotAllowed(DomainError):
    """Only owners, and who looks after the server, start a check."""


class SyncNothingDoubted(DomainError):
    """No list waits for a person to say that it is right."""
