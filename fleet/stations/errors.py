"""Refusals about stations, their enrolment and their logins."""

from fleet.core.errors import DomainError


class StationIsRetired(DomainError):
    """A retired station is not changed and gets no credentials."""


class EnrolmentRefused(DomainError):
    """The token does not open this station. Nothing tells whether it is wrong, used, expired or for another."""


class BrokerUnreachable(DomainError):
    """The broker's management API did not answer; the same may be asked again."""


class BrokerRefused(DomainError):
    """The broker's management API answered that it does not do that."""
