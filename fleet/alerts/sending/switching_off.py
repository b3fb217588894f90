"""Switching a kind of mail off with the address in a mail, without logging in.

    on ──POST to the address──▶ off ──the person, on the page of destinations──▶ on

Opening the address changes nothing: mail scanners open addresses. Using it twice is the same as once.
"""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import gettext as _

from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.digest.choosing import digest_switch_off
from fleet.alerts.models import Destination
from fleet.alerts.models.digest import Digest
from fleet.alerts.notifications.off_links import MailKind, off_token_read
from fleet.alerts.sending.destinations import destination_switch
from fleet.core.errors import Forbidden, NotFound
from fleet.organizations.access import viewer_of_user
from fleet.organizations.models import Membership


@dataclass(frozen=True, slots=True)
class OffLink:
    """An address that works: whose mails, of which kind, and whether they are on."""

    membership: Membership
    kind: MailKind
    is_on: bool


def off_link_find(*, token: str, user: User | AnonymousUser | None) -> OffLink:
    """The address of a token, for somebody who is logged in as its person or not at all.

    Raises `NotFound` if it does not work, and `Forbidden` if somebody else is logged in.
    """
    found = off_token_read(token)
    if found is None:
        raise NotFound(_("This link does not work."))
    membership, kind = found
    if isinstance(user, User) and user.pk != membership.user_id:
        raise Forbidden(_("This link was sent to somebody else, and switches off only that person's mails."))
    return OffLink(membership, kind, _is_on(membership, kind))


def off_link_use(*, token: str, user: User | AnonymousUser | None) -> OffLink:
    """Switch the mails off. Raises as `off_link_find`."""
    link = off_link_find(token=token, user=user)
    actor = viewer_of_user(link.membership.user)
    if link.kind == MailKind.DIGEST:
        digest_switch_off(actor=actor, membership=link.membership, is_by_link=True)
    else:
        destination_switch(actor=actor, destination=_mail(link.membership), is_on=False, is_by_link=True)
    return OffLink(link.membership, link.kind, is_on=False)


def _is_on(membership: Membership, kind: MailKind) -> bool:
    if kind == MailKind.DIGEST:
        return Digest.objects.filter(pk=membership.pk, is_on=True).exists()
    return _mail(membership).is_on


def _mail(membership: Membership) -> Destination:
    """The destination by mail, which every membership has."""
    return Destination.objects.select_related("membership__user", "membership__organization").get(
        membership=membership, channel=MAIL, address=""
    )
