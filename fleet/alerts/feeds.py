"""The secret address of an organization's incidents: making, replacing and withdrawing it, and what it leads to."""

from secrets import token_hex
from typing import Final

from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident
from fleet.alerts.models.feed import IncidentFeed
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import NotFound
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization

#: Maximum incidents in the feed and the calendar: the newest, and older ones that are still open.
NEWEST_MOST: Final = 100
OPEN_MOST: Final = 100
#: A number with this many digits is not an id in the database.
_NUMBER_LONG: Final = 19


def feed_get(*, viewer: Viewer, organization: Organization) -> IncidentFeed | None:
    """The feed of an organization, for its owners; None if there is none. Raises `Forbidden`."""
    viewer.require(Role.OWNER, organization=organization, to=_("see the address of the incidents of %(name)s"))
    return IncidentFeed.objects.select_related("organization").filter(pk=organization.pk).first()


@transaction.atomic
def feed_make(*, actor: Viewer, organization: Organization) -> IncidentFeed:
    """Make an address, or replace it: then the old one no longer works. Raises `Forbidden`."""
    actor.require(Role.OWNER, organization=organization, to=_("change the address of the incidents of %(name)s"))
    organization_lock(organization)
    values = {"seed": token_hex(16), "made_at": clock.now()}
    feed, is_new = IncidentFeed.objects.update_or_create(organization=organization, defaults=values)
    audit(actor, feed, "feed.make" if is_new else "feed.replace")
    return feed


@transaction.atomic
def feed_withdraw(*, actor: Viewer, organization: Organization) -> None:
    """Take the address away; nothing happens if there is none. Raises `Forbidden`."""
    actor.require(Role.OWNER, organization=organization, to=_("change the address of the incidents of %(name)s"))
    organization_lock(organization)
    feed = IncidentFeed.objects.select_related("organization").filter(pk=organization.pk).first()
    if feed is not None:
        audit(actor, feed, "feed.withdraw")
        feed.delete()


def feed_token(feed: IncidentFeed) -> str:
    """The part of the address that names the organization and holds the secret."""
    return f"{feed.organization_id}.{salted_hmac('fleet.alerts.feeds', feed.seed, algorithm='sha256').hexdigest()}"


def feed_find(*, token: str) -> IncidentFeed:
    """The feed of a token. Raises `NotFound` if it is invalid or replaced, or its organization was deleted."""
    number, _dot, _secret = token.partition(".")
    if number.isascii() and number.isdecimal() and len(number) < _NUMBER_LONG:
        found = IncidentFeed.objects.select_related("organization").filter(organization__deleted_at=None)
        feed = found.filter(pk=int(number)).first()
        if feed is not None and constant_time_compare(token, feed_token(feed)):
            return feed
    raise NotFound(_("This address does not work, or no longer."))


def feed_incidents(*, feed: IncidentFeed) -> list[Incident]:
    """The newest incidents, and older ones that are still open, newest first. Always two queries."""
    all_of_them = Incident.objects.filter(organization=feed.organization_id).select_related("station", "organization")
    ordered = all_of_them.order_by("-opened_at", "-pk")
    newest = list(ordered[:NEWEST_MOST])
    known = [one.pk for one in newest]
    return newest + list(ordered.filter(closed_at=None).exclude(pk__in=known)[:OPEN_MOST])
