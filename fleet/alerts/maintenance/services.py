"""Planning maintenance windows, ending open ones, and deleting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.alerts.maintenance.moving import window_go_on, window_place
from fleet.alerts.maintenance.reach import reach_note, stations_of
from fleet.alerts.maintenance.schedules import schedule_of
from fleet.alerts.maintenance.times import WindowTimes, occurrences, schedule_read
from fleet.alerts.models.maintenance import MaintenanceWindow
from fleet.core import clock
from fleet.core.audit import audit
from fleet.core.errors import Conflict, InvalidInput, TooMany
from fleet.core.spoken import duration_words
from fleet.core.zones import zone_label, zone_of
from fleet.deployments.models import Deployment, Site
from fleet.organizations.access import Role, Viewer
from fleet.organizations.members import organization_lock
from fleet.organizations.models import Organization
from fleet.organizations.services import text_check
from fleet.stations.models import Station
from fleet.stations.models.sorting import StationGroup

#: Maximum windows of one organization that are not over.
WINDOWS_MOST: Final = 200
#: Occurrences that are shown before a window is saved.
SHOWN_NEXT: Final = 3
SCOPES: Final = ("station", "site", "group")
_DURATION_LEAST, _DURATION_MOST = timedelta(minutes=1), timedelta(days=31)
#: How far the first day may be in the past, and ahead.
_PAST_MOST, _AHEAD_MOST = timedelta(days=366), timedelta(days=5 * 366)
_REASON_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class WindowDraft:
    """A window as entered. `starts` is on the clocks of `timezone`; empty: those of the place. `of`: serial or name."""

    scope: str
    of: str
    starts: datetime
    duration: timedelta
    reason: str
    rrule: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class WindowPreview:
    """A preview of a window: when it comes next, by which clocks, and for how many stations as of now."""

    window: MaintenanceWindow
    coming: Sequence[WindowTimes]
    stations: int


def window_preview(*, actor: Viewer, organization: Organization, draft: WindowDraft) -> WindowPreview:
    """The next times of a window, without saving it. Raises `Forbidden`, and `InvalidInput` naming the field."""
    _require(actor, organization)
    moment = clock.now()
    window = _drafted(actor, organization, draft, moment)
    coming = list(islice(occurrences(schedule_of(window), after=moment), SHOWN_NEXT))
    return WindowPreview(window, coming, sum(map(len, stations_of([window], moment).values())))


@transaction.atomic
def window_add(*, actor: Viewer, organization: Organization, draft: WindowDraft) -> MaintenanceWindow:
    """Plan maintenance; it opens now if its time is now. Raises as `window_preview`, and `TooMany`."""
    _require(actor, organization)
    organization_lock(organization)
    if MaintenanceWindow.objects.filter(organization=organization, due_at__isnull=False).count() >= WINDOWS_MOST:
        raise TooMany(
            _("An organization can plan maintenance at most %(n)d times: delete some first.") % {"n": WINDOWS_MOST}
        )
    moment = clock.now()
    window = _drafted(actor, organization, draft, moment)
    window.save(force_insert=True)
    audit(
        actor,
        window,
        "maintenance.plan",
        scope=draft.scope,
        of=draft.of,
        starts=f"{draft.starts:%Y-%m-%d %H:%M} {window.timezone}",
        seconds=window.duration_s,
        rrule=window.rrule,
    )
    if window.is_open:
        reach_note(organization_id=organization.pk, moment=moment)
    return window


@transaction.atomic
def window_end(*, actor: Viewer, window: MaintenanceWindow) -> MaintenanceWindow:
    """End a window that is open; it comes again as planned. Raises `Forbidden`, and `Conflict` if it is not open."""
    _require(actor, window.organization)
    organization_lock(window.organization)
    found = MaintenanceWindow.objects.select_for_update().filter(pk=window.pk, is_open=True).first()
    if found is None or found.closes_at is None:
        raise Conflict(_("This maintenance is not going on now."))
    moment = clock.now()
    window_go_on(found, after=found.closes_at, moment=moment)
    found.save(update_fields=["is_open", "opens_at", "closes_at", "due_at"])
    audit(actor, found, "maintenance.end")
    reach_note(organization_id=found.organization_id, moment=moment)
    return found


@transaction.atomic
def window_delete(*, actor: Viewer, window: MaintenanceWindow) -> None:
    """Delete a window; if it is open, it ends now. Raises `Forbidden`."""
    _require(actor, window.organization)
    organization_lock(window.organization)
    audit(actor, window, "maintenance.delete")
    MaintenanceWindow.objects.filter(pk=window.pk).delete()
    reach_note(organization_id=window.organization_id, moment=clock.now())


def _require(actor: Viewer, organization: Organization) -> None:
    actor.require(Role.OPERATOR, organization=organization, to=_("plan maintenance at %(name)s"))


def _drafted(actor: Viewer, organization: Organization, draft: WindowDraft, moment: datetime) -> MaintenanceWindow:
    """The window as it would be saved, with its first occurrence."""
    target = _target(organization, draft)
    name = draft.timezone.strip() or _zone_name(organization, target, moment)
    zone = zone_of(name)
    if zone is None:
        raise InvalidInput(_("There is no time zone %(name)s.") % {"name": repr(name[:40])}, field="timezone")
    if not _DURATION_LEAST <= draft.duration <= _DURATION_MOST:
        raise InvalidInput(_("Maintenance must last between one minute and 31 days."), field="duration")
    today = moment.astimezone(zone).replace(tzinfo=None)
    if draft.starts.tzinfo is not None or not today - _PAST_MOST <= draft.starts <= today + _AHEAD_MOST:
        raise InvalidInput(
            _("The first day must be at most one year ago and at most five years ahead."), field="starts"
        )
    schedule = schedule_read(
        starts=draft.starts.replace(second=0, microsecond=0), duration=draft.duration, zone=zone, rrule=draft.rrule
    )
    window = MaintenanceWindow(
        organization=organization,
        first_day=schedule.starts.date(),
        first_time=schedule.starts.time(),
        duration_s=round(schedule.duration.total_seconds()),
        timezone=str(zone),
        rrule=schedule.rrule,
        reason=text_check(draft.reason, field="reason", most=_REASON_MOST),
        added_by=actor.user,
        added_by_name=actor.name[:150],
        added_at=moment,
        **{draft.scope: target},
    )
    window_place(window, moment)
    if window.opens_at is None:
        raise InvalidInput(
            _("This maintenance of %(duration)s would already be over: it is %(now)s in %(zone)s.")
            % {
                "now": f"{today:%Y-%m-%d %H:%M}",
                "zone": zone_label(str(zone)),
                "duration": duration_words(schedule.duration.total_seconds()),
            },
            field="rrule" if schedule.rrule else "starts",
        )
    return window


def _target(organization: Organization, draft: WindowDraft) -> Any:
    """The station, site or group of this organization."""
    of = draft.of.strip().replace("\x00", "")
    if draft.scope == "station":
        found: Any = Station.objects.filter(
            organization=organization, serial__iexact=of, retired_at=None, deleted_at=None
        ).first()
        sentence = _("%(name)s has no station %(of)s in service.")
    elif draft.scope == "site":
        found = Site.objects.filter(organization=organization, name=of).first()
        sentence = _("%(name)s has no site %(of)s.")
    elif draft.scope == "group":
        found = StationGroup.objects.filter(organization=organization, name__iexact=of).first()
        sentence = _("%(name)s has no group %(of)s.")
    else:
        raise InvalidInput(
            _("Choose what it is for: one of %(scopes)s.") % {"scopes": ", ".join(SCOPES)}, field="scope"
        )
    if found is None:
        raise InvalidInput(sentence % {"name": organization.name, "of": repr(of[:80])}, field="of")
    return found


def _zone_name(organization: Organization, target: Any, moment: datetime) -> str:
    """The time zone of the place: the site's, that of the site where the station is, else the organization's."""
    name = ""
    if isinstance(target, Site):
        name = target.timezone
    elif isinstance(target, Station):
        here = Deployment.objects.filter(station=target, period__contains=moment)
        name = here.values_list("site__timezone", flat=True).first() or ""
    known = name if zone_of(name) else organization.timezone
    return known if zone_of(known) else str(UTC)
