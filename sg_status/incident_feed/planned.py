"""The next times of planned maintenance, for the calendar of an organization."""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from fleet.alerts.maintenance.selectors import organization_calendar, window_coming
from fleet.alerts.maintenance.words import target_words
from fleet.core.spoken import one_line
from fleet.organizations.models import Organization
from sg_status.incident_feed.calendar import PlannedEntry

#: Maximum windows in a calendar, and maximum occurrences of each.
_WINDOWS_MOST: Final = 50
_TIMES_MOST: Final = 5


def planned_entries(organization: Organization, moment: datetime) -> list[PlannedEntry]:
    """The current and next occurrences, by window. One query, however many windows there are."""
    address = settings.SITE_URL + reverse("organization-maintenance", args=[organization.slug])
    found = []
    for window in organization_calendar(organization=organization, moment=moment, most=_WINDOWS_MOST):
        words = {"target": target_words(window), "reason": window.reason}
        title = one_line(_("Maintenance: %(target)s (%(reason)s)") % words)
        found += [
            PlannedEntry(window.pk, one.opens_at, one.closes_at, window.added_at, title, address)
            for one in window_coming(window, moment, most=_TIMES_MOST)
        ]
    return found
