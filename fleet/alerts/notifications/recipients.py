"""The recipients of alerts: an organization's destinations, or the server's administrators in place of members."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q

from fleet.alerts.channels.mail import NAME as MAIL
from fleet.alerts.models import Destination
from fleet.alerts.server_problems.administrators import administrator_addresses
from fleet.organizations.models import Membership


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address on a channel. `destination_id` None: an administrator of the server."""

    channel: str
    address: str
    destination_id: int | None = None


def recipients_of(organization_ids: Collection[int]) -> dict[int, list[Recipient]]:
    """Destinations of each organization's alerts: those that are switched on, each address once.

    If an organization has no member who can be reached by mail, the server's administrators are told as well.
    """
    members = Membership.objects.filter(organization__in=list(organization_ids), user__is_active=True)
    found: dict[int, dict[tuple[str, str], Recipient]] = defaultdict(dict)
    for organization_id, recipient in _switched_on(organization_ids):
        # Two people with one mailbox get one mail, however each wrote the address.
        key = recipient.address.casefold() if recipient.channel == MAIL else recipient.address
        found[organization_id].setdefault((recipient.channel, key), recipient)
    # Members who can be reached decide for themselves whether to be told.
    reachable = set(members.exclude(user__email="").values_list("organization_id", flat=True))
    for organization_id in set(organization_ids) - reachable:
        for address in administrator_addresses():
            found[organization_id].setdefault((MAIL, address.casefold()), Recipient(MAIL, address))
    return {organization_id: list(recipients.values()) for organization_id, recipients in found.items()}


def _switched_on(organization_ids: Collection[int]) -> list[tuple[int, Recipient]]:
    numbers = list(organization_ids)
    rows = (
        Destination.objects.filter(
            Q(organization__in=numbers, organization__deleted_at=None)
            | Q(
                membership__organization__in=numbers,
                membership__organization__deleted_at=None,
                membership__user__is_active=True,
            ),
            is_on=True,
        )
        .order_by("membership_id", "pk")
        .values_list(
            "organization_id", "membership__organization_id", "channel", "address", "membership__user__email", "pk"
        )
    )
    return [
        (own_id or member_of_id, Recipient(channel, address or email, pk))
        for own_id, member_of_id, channel, address, email, pk in rows
        if address or email
    ]
