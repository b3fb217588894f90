"""Refusals about stations, their enrolment and their logins."""

from fleet.core.errors import DomainError, NotFound


class StationIsRetired(DomainError):
    """A retired station cannot be changed and gets no credentials."""


class EnrolmentRefused(DomainError):
    """The token does not open this station. It does not say whether it is wrong, used, expired or another's."""


class BrokerUnreachable(DomainError):
    """The broker's management API did not answer; the caller can try again."""


class BrokerRefused(DomainError):
    """The broker's management API rejected the request."""


class RegistrationRefused(DomainError):
    """No device can join with this code. It does not say if the code is wrong or off, or the serial blocked."""


class QueueFull(DomainError):
    """Too many devices are waiting or trying to join; this passes with time."""


class CodeUnknown(NotFound):
    """No device shows this code now. The error does not say whether it is wrong, expired or used."""


class TooManyTries(DomainError):
    """Wrong codes from this account or address have used up the tries for this hour."""


class NewcomerDecided(DomainError):
    """Somebody has already accepted or refused this device, or it has waited too long."""


class PairDecided(DomainError):
    """Somebody has already said what the hardware is, or other hardware is in use now."""
