"""Incidents as a calendar (RFC 5545), one event for each until its end or now; and the next planned maintenance."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event, vText

from fleet.core.spoken import one_line
from fleet.organizations.models import Organization
from sg_status.incident_feed.entries import FeedEntry

#: How often programs should ask again.
FRESH = timedelta(minutes=15)


class PlannedEntry(NamedTuple):
    """One occurrence of planned maintenance: the window's number, its times, and the words of the event."""

    number: int
    opens_at: datetime
    closes_at: datetime
    changed_at: datetime
    title: str
    address: str


def calendar_bytes(
    entries: Sequence[FeedEntry], organization: Organization, moment: datetime, planned: Sequence[PlannedEntry] = ()
) -> bytes:
    """The calendar. An open incident ends at the next full hour, so that the document changes once an hour at most."""
    calendar = Calendar()
    calendar.add("prodid", "-//Roost//Incidents//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    # The library escapes only values that are marked as text.
    name = vText(_("Incidents of %(name)s") % {"name": one_line(organization.name)})
    calendar.add("name", name)
    calendar.add("refresh-interval", FRESH, parameters={"value": "DURATION"})
    # For programs that do not know the two properties of RFC 7986 above.
    calendar.add("x-wr-calname", name)
    calendar.add("x-published-ttl", "PT15M")
    now = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    for entry in entries:
        calendar.add_component(_event(entry, now))
    for one in planned:
        calendar.add_component(_planned(one))
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


def _planned(one: PlannedEntry) -> Event:
    # Each occurrence is a separate event in UTC: programs disagree about recurrence rules in nights when clocks change.
    event = Event()
    domain = urlsplit(settings.SITE_URL).hostname or "localhost"
    event.add("uid", f"maintenance-{one.number}-{_whole(one.opens_at):%Y%m%dT%H%M%SZ}@{domain}")
    event.add("dtstamp", _whole(one.changed_at))
    event.add("dtstart", _whole(one.opens_at))
    event.add("dtend", _whole(one.closes_at))
    event.add("summary", one.title)
    event.add("url", one.address)
    event.add("transp", "TRANSPARENT")
    return event


def _whole(moment: datetime) -> datetime:
    """The moment in UTC and whole seconds, because calendars have no fractions."""
    return moment.astimezone(UTC).replace(microsecond=0)
