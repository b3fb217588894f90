"""The feed and the calendar of an organization's incidents, for programs: the secret in the address is the login."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Final, TypeAlias

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import override
from django.views.decorators.http import require_safe

from fleet.alerts.feeds import feed_find, feed_incidents
from fleet.alerts.models.feed import IncidentFeed
from fleet.core import clock
from fleet.core.zones import zone_of
from sg_status.incident_feed.atom import atom_text
from sg_status.incident_feed.calendar import calendar_bytes
from sg_status.incident_feed.entries import FeedEntry, entry_of
from sg_status.incident_feed.planned import planned_entries
from sg_status.pages.places.public import public

#: Seconds for which the program that asked may show an answer. Nobody else may keep it.
FRESH_S: Final = 300

DocumentMaker: TypeAlias = Callable[[IncidentFeed, list[FeedEntry]], str | bytes]


def _answer(kind: str) -> Callable[[DocumentMaker], Callable[..., HttpResponseBase]]:
    """Decorate the function that makes the document; a document that the program has already is not sent again."""

    def decorate(make: DocumentMaker) -> Callable[..., HttpResponseBase]:
        @require_safe
        @public
        @wraps(make)
        def view(request: HttpRequest, token: str) -> HttpResponseBase:
            feed = feed_find(token=token)
            organization = feed.organization
            # Programs read it, so it uses the organization's language and time zone, as webhooks do.
            with override(organization.language), timezone.override(zone_of(organization.timezone)):
                body = make(feed, [entry_of(incident) for incident in feed_incidents(feed=feed)])
            answer = HttpResponse(body, content_type=kind)
            answer.headers["Cache-Control"] = f"private, max-age={FRESH_S}"
            answer.headers["X-Robots-Tag"] = "noindex"
            etag = f'W/"{hashlib.sha256(answer.content).hexdigest()[:32]}"'
            answer.headers["ETag"] = etag
            return get_conditional_response(request, etag, None, answer) or answer

        return view

    return decorate


@_answer("application/atom+xml; charset=utf-8")
def incidents_atom(feed: IncidentFeed, entries: list[FeedEntry]) -> str:
    """The feed."""
    return atom_text(entries, feed.organization, made_at=feed.made_at)


@_answer("text/calendar; charset=utf-8")
def incidents_calendar(feed: IncidentFeed, entries: list[FeedEntry]) -> bytes:
    """The calendar."""
    moment = clock.now()
    return calendar_bytes(entries, feed.organization, moment, planned_entries(feed.organization, moment))


urlpatterns = [
    path("feeds/<str:token>/incidents.atom", incidents_atom, name="incidents-atom"),
    path("feeds/<str:token>/incidents.ics", incidents_calendar, name="incidents-calendar"),
]
