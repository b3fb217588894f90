"""Refusals about stations that code catches by name."""

from fleet.core.errors import Forbidden, Unavailable


class EnrolmentRefused(Forbidden):
    """The token does not fit this station. The text does not say whether it is wrong, used, expired or another's."""


class BrokerUnreachable(Unavailable):
    """The broker's management API did not answer; the caller can try again."""
