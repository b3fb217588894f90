"""Addresses in mails with which their receiver switches that kind of mail off, also in one click (RFC 8058).

An address is the id of a membership and the kind of mail, signed together with the mail address. So it works for that
person, that organization and that kind only, for as long as the person gets mails there; it stores nothing and never
expires, because people look for it in old mails. `fleet.alerts.sending.switching_off` does what it asks.
"""

from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core.signing import Signer
from django.utils.crypto import constant_time_compare

from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.models import Notification
from fleet.organizations.models import Membership

_SIGNER: Final = Signer(salt="fleet.alerts.off_links")
#: A number with this many digits is not an id in the database.
_NUMBER_LONG: Final = 19


class MailKind(StrEnum):
    """A kind of mail that a member can switch off for an organization."""

    ALERTS = "alerts"
    DIGEST = "digest"


_KINDS: Final = frozenset(kind.value for kind in MailKind)


def off_token(membership: Membership, kind: MailKind) -> str:
    """The signed part of an address; the same in every mail of this kind."""
    return f"{membership.pk}-{kind}.{_signature(membership, kind)}"


def off_url(membership: Membership, kind: MailKind) -> str:
    """The address that a mail names in its headers."""
    return f"{settings.SITE_URL}/mails/off/{off_token(membership, kind)}/"


def notification_off_url(notification: Notification) -> str:
    """The address for a notification; empty if nobody can switch it off, or it is a test that its receiver asked for.

    The server's administrators, who are told in place of members, cannot.
    """
    membership = notification.destination.membership if notification.destination else None
    is_mail = notification.channel == MAIL and notification.phase != Notification.Phase.TEST
    if membership is None or not is_mail or notification.recipient.casefold() != membership.user.email.casefold():
        return ""
    return off_url(membership, MailKind.ALERTS)


def off_token_read(token: str) -> tuple[Membership, MailKind] | None:
    """The membership and kind that a token names; None if it is invalid, or the member's address has changed."""
    named, _dot, signature = token.partition(".")
    number, _dash, kind = named.partition("-")
    if kind not in _KINDS or not number.isascii() or not number.isdecimal() or len(number) >= _NUMBER_LONG:
        return None
    found = Membership.objects.filter(pk=int(number), organization__deleted_at=None, user__is_active=True)
    membership = found.select_related("user", "organization").first()
    if membership is None or not constant_time_compare(signature, _signature(membership, MailKind(kind))):
        return None
    return membership, MailKind(kind)


def _signature(membership: Membership, kind: MailKind) -> str:
    return _SIGNER.signature(f"{membership.pk}-{kind}-{membership.user.email.casefold()}")
