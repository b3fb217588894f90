"""Refusals about stations, their enrolment and their logins."""

from fleet.core.errors import DomainError, NotFound


class StationIsRetired(DomainError):
    """A retired station is not changed and gets no credentials."""


class EnrolmentRefused(DomainError):
    """The token does not open this station. Nothing tells whether it is wrong, used, expired or for another."""


class BrokerUnreachable(DomainError):
    """The broker's management API did not answer; the same may be asked again."""


class BrokerRefused(DomainError):
    """The broker's management API answered that it does not do that."""


class RegistrationRefused(DomainError):
    """No device joins with this code. Nothing tells whether the code is wrong, off, or the serial is blocked."""


class QueueFull(DomainError):
    """More devices wait, or try, than may; it passes with time."""


class CodeUnknown(NotFound):
    """No device shows this code now. Nothing tells whether it is wrong, has expired or was used."""


class TooManyTries(DomainError):
    """Wrong codes from this account or address have used up the hour's tries."""


class NewcomerDecided(DomainError):
    """Somebody has accepted or refused this device already, or it has waited too long."""


class PairDecided(DomainError):
    """Somebody has said what the hardware is already, or other hardware speaks now."""
