"""Links in messages with which their receiver acts on an incident without logging in.

    sent ──opened──▶ a page that asks ──the person acts──▶ used
      └──a week──▶ expired

A link is the signed ids of its message and incident. It belongs to the person to whose destination the message went,
and works while that person may act and gets messages there. Opening it changes nothing: mail scanners open links.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.utils.translation import gettext as _

from fleet.alerts.handling import incident_acknowledge, incident_may_handle, incident_snooze
from fleet.alerts.models import Incident, IncidentStep, Notification
from fleet.core import clock
from fleet.core.errors import Conflict, Forbidden, NotFound
from fleet.organizations.access import Viewer, viewer_of_user

VALID: Final = timedelta(days=7)
_SIGNER: Final = Signer(sep=".", salt="fleet.alerts.act_links")
#: Longer than any token.
_TOKEN_MOST: Final = 120


@dataclass(frozen=True, slots=True)
class ActLink:
    """A link that works: its message, incident and person."""

    notification: Notification
    incident: Incident
    actor: Viewer


def act_token(notification: Notification, incident: Incident) -> str:
    """The signed part of a link; the same for each attempt to send the message."""
    return _SIGNER.sign(f"{notification.pk}-{incident.pk}")


def act_url(notification: Notification, incident: Incident, actor: Viewer | None) -> str:
    """The link of a message; empty if its receiver may not act."""
    if actor is None or not incident_may_handle(actor=actor, incident=incident):
        return ""
    return f"{settings.SITE_URL}/incidents/link/{act_token(notification, incident)}/"


def receiver_of(notification: Notification) -> Viewer | None:
    """The member to whose own destination a message goes; None if there is none, or the address has changed."""
    destination = notification.destination
    membership = destination.membership if destination else None
    if destination is None or membership is None or membership.organization_id != notification.organization_id:
        return None
    address = destination.address or membership.user.email
    if not membership.user.is_active or address.casefold() != notification.recipient.casefold():
        return None
    return viewer_of_user(membership.user)


def link_find(*, token: str, user: User | AnonymousUser | None) -> ActLink:
    """The link of a token, for somebody who is logged in as its person or not at all.

    Raises `NotFound` if it is invalid or its person may no longer act, `Conflict` if it was used or has expired, and
    `Forbidden` if somebody else is logged in.
    """
    notification_id, incident_id = _read(token)
    notification = (
        Notification.objects.select_related("destination__membership__user").filter(pk=notification_id).first()
    )
    incident = (
        Incident.objects.select_related("organization", "station__organization", "station__contact")
        .filter(pk=incident_id, notifications=notification_id)
        .first()
    )
    actor = receiver_of(notification) if notification else None
    if notification is None or incident is None or actor is None:
        raise _missing()
    if incident.organization_id != notification.organization_id:
        raise _missing()
    if not incident_may_handle(actor=actor, incident=incident):
        raise _missing()
    if isinstance(user, User) and user.pk != (actor.user.pk if actor.user else None):
        raise Forbidden(_("This link was sent to somebody else. You can act on the incident's page."))
    if IncidentStep.objects.filter(incident=incident, link=notification.pk).exists():
        raise Conflict(_("This link has been used. Log in to do more."))
    if clock.now() - notification.created_at > VALID:
        raise Conflict(_("This link has expired: it worked for a week. Log in to act."))
    return ActLink(notification, incident, actor)


@transaction.atomic
def link_acknowledge(*, token: str, user: User | AnonymousUser | None) -> ActLink:
    """Acknowledge with a link, which then counts as used. Raises as `link_find`, and as `incident_acknowledge`."""
    link = _locked(token, user)
    incident_acknowledge(actor=link.actor, incident=link.incident, link=link.notification.pk)
    return link


@transaction.atomic
def link_snooze(*, token: str, user: User | AnonymousUser | None, until: datetime | None) -> ActLink:
    """Snooze with a link, which then counts as used. Raises as `link_find`, and as `incident_snooze`."""
    link = _locked(token, user)
    incident_snooze(actor=link.actor, incident=link.incident, until=until, link=link.notification.pk)
    return link


def incident_of(token: str) -> int | None:
    """The id of the incident of a token, whether it still works or not; None if it is invalid."""
    try:
        return _read(token)[1]
    except NotFound:
        return None


def _locked(token: str, user: User | AnonymousUser | None) -> ActLink:
    """Find the link under the lock of its incident: if two use it at once, the second learns that it was used."""
    incident_id = _read(token)[1]
    list(Incident.objects.select_for_update().filter(pk=incident_id).values_list("pk"))
    return link_find(token=token, user=user)


def _read(token: str) -> tuple[int, int]:
    try:
        numbers = _SIGNER.unsign(token[:_TOKEN_MOST]).split("-")
    except BadSignature as error:
        raise _missing() from error
    return int(numbers[0]), int(numbers[1])


def _missing() -> NotFound:
    return NotFound(_("This link does not work."))
