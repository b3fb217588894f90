"""Devices that nobody has answered: the owners get one mail before the devices leave the queue."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fleet.core.spoken import count_words, one_line
from fleet.organizations.models import Membership, Organization
from fleet.organizations.people import speaking_to
from fleet.stations.joining.newcomers import NAMED_MOST
from fleet.stations.models import Newcomer

#: How long before a device leaves the queue the owners are told, and the least time between two mails to one
#: organization.
TELL_BEFORE, _ONCE = timedelta(days=3), timedelta(days=1)


def unanswered_tell(*, moment: datetime) -> int:
    """Mail the owners about devices that leave the queue soon, once for each device; return how many devices.

    An organization gets at most one mail a day, for all of its devices.
    """
    late = Newcomer.objects.filter(
        way=Newcomer.Way.ARRIVAL,
        state=Newcomer.State.WAITING,
        told_at=None,
        expires_at__gt=moment,
        expires_at__lte=moment + TELL_BEFORE,
        organization__deleted_at=None,
    )
    told = Newcomer.objects.filter(told_at__gt=moment - _ONCE)
    waiting = set(late.values_list("organization", flat=True)) - set(told.values_list("organization", flat=True))
    total = 0
    for organization in Organization.objects.filter(pk__in=waiting).order_by("pk"):
        with transaction.atomic():
            rows = late.filter(organization=organization).select_for_update()
            serials = dict(rows.order_by("pk").values_list("pk", "serial"))
            Newcomer.objects.filter(pk__in=list(serials)).update(told_at=moment)
            if serials:
                _mail(organization, list(serials.values()))
        total += len(serials)
    return total


def _mail(organization: Organization, serials: list[str]) -> None:
    owners = Membership.objects.filter(
        organization=organization, role=Membership.Role.OWNER, user__is_active=True
    ).values("user")
    addresses = EmailAddress.objects.filter(user__in=owners, primary=True, verified=True)
    named = ", ".join(serials[:NAMED_MOST]) + (" …" if len(serials) > NAMED_MOST else "")
    for email in addresses.order_by("pk").values_list("email", flat=True):
        with speaking_to(email=email, organization=organization):
            words = {
                "n": count_words(len(serials)),
                "name": organization.name,
                "serials": named,
                "page": f"{settings.SITE_URL}/stations/accept/",
            }
            subject = ngettext("A device waits to join %(name)s", "%(n)s devices wait to join %(name)s", len(serials))
            body = _(
                "Nobody has answered yet: %(serials)s\n\nWithin three days these devices leave the queue and have to "
                "ask again. Accept or refuse them:\n%(page)s\n"
            )
            send_mail(one_line(subject % words), body % words, None, [email])
