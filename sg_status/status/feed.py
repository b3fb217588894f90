"""The updates of a status page's notices as an Atom feed (RFC 4287)."""

from typing import Final

from django.utils.feedgenerator import Atom1Feed

from fleet.status_pages.standing import Standing

#: Maximum updates in the feed, the newest.
UPDATES_MOST: Final = 50


def feed_xml(standing: Standing, *, address: str, feed_address: str, language: str) -> str:
    """The feed, newest update first, one entry each. `address` is the page's, `feed_address` the feed's."""
    page = standing.page
    feed = Atom1Feed(
        title=page.title,
        link=address,
        description=page.words,
        language=language,
        feed_url=feed_address,
        feed_guid=feed_address,
    )
    updates = [(update, notice) for notice in standing.notices for update in notice.updates.all()]
    updates.sort(key=lambda pair: (pair[0].written_at, pair[0].pk), reverse=True)
    for update, notice in updates[:UPDATES_MOST]:
        feed.add_item(
            title=notice.title,
            link=f"{address}#notice-{notice.pk}",
            description=update.text,
            unique_id=f"{address}#update-{update.pk}",
            pubdate=update.written_at,
            updateddate=update.written_at,
            author_name=page.organization.name,
        )
    return feed.writeString("utf-8")
