"""Planned maintenance in words: when it comes, what it is for, and what it held back."""

from datetime import datetime, tzinfo

from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from fleet.alerts.maintenance.rrule import rrule_read
from fleet.alerts.maintenance.times import Schedule, WindowTimes
from fleet.alerts.models import Incident
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core.spoken import moment_words, span_words


def occurrence_words(occurrence: WindowTimes, zone: tzinfo, now: datetime) -> str:
    """An occurrence on the clocks of the place, with the weekday."""
    with timezone.override(zone):
        return span_words(occurrence.opens_at, occurrence.closes_at, now)


def repeat_words(schedule: Schedule) -> str:
    """How often it comes: `every week on Tuesday, Thursday`; a rule that has no simple words is shown as it is."""
    if not schedule.rrule:
        return _("once")
    rule = rrule_read(schedule.rrule, schedule.zone)
    is_simple = rule.interval == 1 and rule.count is None and rule.until is None
    if not is_simple or rule.months or rule.month_days or rule.hours or rule.minutes or rule.places:
        return schedule.rrule
    if rule.frequency == "DAILY" and not rule.days:
        return _("every day")
    if rule.frequency == "WEEKLY":
        days = sorted(day for _place, day in rule.days) or [schedule.starts.weekday()]
        return _("every week on %(days)s") % {"days": ", ".join(str(WEEKDAYS[day]) for day in days)}
    if rule.frequency == "MONTHLY" and not rule.days:
        return _("every month on day %(day)d") % {"day": schedule.starts.day}
    return schedule.rrule


def target_words(window: MaintenanceWindow) -> str:
    """The station, site or group that a window is for, by name."""
    if window.station is not None:
        return str(window.station)
    if window.site is not None:
        return _("site %(name)s") % {"name": window.site.name}
    return _("group %(name)s") % {"name": window.group.name if window.group is not None else ""}


def held_words(incident: Incident, now: datetime) -> str:
    """Sentence saying that planned maintenance holds, or held, an incident back; empty if none did."""
    if not incident.held_reason:
        return ""
    words = {"reason": incident.held_reason}
    if incident.held_until is not None:
        words["end"] = moment_words(incident.held_until, now)
        return _("Planned maintenance (“%(reason)s”) held the alert back until %(end)s.") % words
    if incident.closed_at is not None:
        return _("It was over before planned maintenance (“%(reason)s”) ended, so nobody was alerted.") % words
    return (
        _(
            "Planned maintenance (“%(reason)s”) holds the alert back. If the incident is still open when that ends, "
            "the alert is sent then."
        )
        % words
    )
