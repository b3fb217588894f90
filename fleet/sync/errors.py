"""Errors of synchronisation with outside systems."""

from fleet.core.errors import DomainError


class SystemUnknown(DomainError):
    """No adapter has that name."""


class SyncRunning(DomainError):
    """A check of the system is already running."""


class SyncTooSoon(DomainError):
    """The outside system was asked recently, or asked us to wait."""


class SyncNotAllowed(DomainError):
    """Only owners and the server's administrators may start a check."""


class SyncNothingDoubted(DomainError):
    """No list is waiting for a person to confirm it."""
