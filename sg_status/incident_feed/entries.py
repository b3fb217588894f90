"""Incidents in words for feeds and calendars; the caller has chosen language and time zone.

Other people's programs read them, so the problem's name replaces any sentence that says where a station is.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from fleet.alerts.models import Incident
from fleet.alerts.rules import rule_known
from fleet.core.spoken import one_line


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One incident. `changed_at`: when it opened, or ended."""

    number: int
    address: str
    title: str
    text: str
    began_at: datetime
    ended_at: datetime | None
    changed_at: datetime


def entry_of(incident: Incident) -> FeedEntry:
    """The incident as it is now."""
    rule = rule_known(incident.rule, incident.title)
    short = str(rule.short) if rule else incident.rule
    station = incident.station
    name = f"{station.name} ({station.serial})" if station.name else station.serial
    sentences = [] if rule is None or rule.tells_place else [incident.said(is_over=False)]
    if incident.closed_at is not None:
        short = _("Over: %(problem)s") % {"problem": short}
        sentences += [] if rule is None or rule.tells_place else [incident.said(is_over=True)]
    return FeedEntry(
        number=incident.pk,
        address=f"{settings.SITE_URL}/incidents/{incident.pk}/",
        title=one_line(f"{short}: {name}"),
        text="\n".join(one_line(sentence) for sentence in sentences if sentence) or one_line(f"{short}."),
        began_at=incident.began_at,
        ended_at=incident.closed_at,
        changed_at=incident.closed_at or incident.opened_at,
    )
