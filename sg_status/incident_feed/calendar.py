"""Incidents as a calendar (RFC 5545): one event for each, from its beginning to its end, or until now."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vText

from fleet.core.spoken import one_line
from fleet.organizations.models import Organization
from sg_status.incident_feed.entries import FeedEntry

#: How often programs should ask again.
FRESH = timedelta(minutes=15)


def calendar_bytes(entries: Sequence[FeedEntry], organization: Organization, moment: datetime) -> bytes:
    """The calendar. An open incident ends with the hour of now, so that the answer changes once an hour, not always."""
    calendar = Calendar()
    calendar.add("prodid", "-//Roost//Incidents//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    # Only what is said to be text is escaped by the library.
    name = vText(_("Incidents of %(name)s") % {"name": one_line(organization.name)})
    calendar.add("name", name)
    calendar.add("refresh-interval", FRESH, parameters={"value": "DURATION"})
    # Programs that do not know the two of RFC 7986 above know these.
    calendar.add("x-wr-calname", name)
    calendar.add("x-published-ttl", "PT15M")
    now = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for entry in entries:
        calendar.add_component(_event(entry, now))
    return bytes(calendar.to_ical())


def _event(entry: FeedEntry, now: datetime) -> Event:
    event = Event()
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    event.add("uid", f"incident-{entry.number}@{domain}")
    event.add("dtstamp", _whole(entry.changed_at))
    event.add("last-modified", _whole(entry.changed_at))
    event.add("dtstart", _whole(entry.began_at))
    event.add("dtend", max(_whole(entry.ended_at or now), _whole(entry.began_at)))
    event.add("summary", entry.title)
    event.add("description", entry.text)
    event.add("url", entry.address)
    # Nobody is busy because a station is silent.
    event.add("transp", "TRANSPARENT")
    return event


def _whole(moment: datetime) -> datetime:
    """In UTC and whole seconds, as calendars have no others."""
    return moment.astimezone(UTC).replace(microsecond=0)
