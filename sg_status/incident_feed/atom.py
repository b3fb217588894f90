"""Incidents as an Atom feed (RFC 4287): one entry for each, which is updated when it ends."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _

from fleet.organizations.models import Organization
from sg_status.incident_feed.entries import FeedEntry


class _Feed(Atom1Feed):
    """A feed that has a fixed date even while it is empty, so that an unchanged feed is the same text."""

    made_at: datetime

    def latest_post_date(self) -> datetime:
        """When it last changed."""
        changes: list[datetime] = [item["updateddate"] for item in self.items]
        return max(changes, default=self.made_at)


def atom_text(entries: Sequence[FeedEntry], organization: Organization, *, made_at: datetime) -> str:
    """The feed, most recently changed entries first. It does not contain its own address, which is a secret."""
    feed = _Feed(
        title=_("Incidents of %(name)s") % {"name": organization.name},
        link=f"{settings.SITE_URL}/incidents/",
        description=_("The newest incidents, and older ones that are still open."),
        language=organization.language,
        feed_guid=f"{settings.SITE_URL}/organizations/{organization.slug}/incidents",
    )
    feed.made_at = made_at
    for entry in sorted(entries, key=lambda one: (one.changed_at, one.number), reverse=True):
        feed.add_item(
            title=entry.title,
            link=entry.address,
            description=entry.text,
            unique_id=entry.address,
            pubdate=entry.began_at,
            updateddate=entry.changed_at,
            author_name=organization.name,
        )
    return feed.writeString("utf-8")
